import { Command } from 'commander'
import { OperationalError, type Problem } from '../../core/errors.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { problemText } from '../render/failure.ts'

const INVALID = 3

interface Checked {
  readonly file: string
  readonly valid: boolean
  readonly services: readonly string[]
  readonly problems: readonly Problem[]
  readonly notes: readonly {
    readonly path: string
    readonly message: string
    readonly line: number
    readonly column: number
  }[]
}

export function validateCommand(context: Context): Command {
  return new Command('validate')
    .description('check manifests without a server; every problem is told with its place')
    .argument('[files...]', 'manifests; - is standard input')
    .option('--schema', 'print the JSON Schema of manifests, for editors')
    .option('-c, --config <file>', 'the same as naming the file')
    .addHelpText(
      'after',
      '\nExamples:\n  gantry validate shop.yaml\n  cat shop.yaml | gantry validate - --json\n  gantry validate --schema > manifest.schema.json',
    )
    .action(async (named: readonly string[], options: { schema?: boolean; config?: string }) => {
      if (options.schema === true) {
        if (named.length > 0) throw new OperationalError('USAGE', '--schema takes no file')
        const { manifestJsonSchema } = await import('../../core/manifest/json-schema.ts')
        process.stdout.write(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`)
        return
      }
      const files = options.config === undefined ? named : [...named, options.config]
      if (files.length === 0)
        throw new OperationalError('USAGE', 'name a manifest to validate', { hint: '`gantry help validate`' })
      const { loadManifest } = await import('../../core/manifest/load.ts')
      const unreadable: unknown[] = []
      const checked = files.flatMap((path): Checked[] => {
        const file = path === '-' ? 'standard input' : path
        try {
          const { manifest, problems, notes } = loadManifest(readInput(path), file)
          return [{ file, valid: manifest !== null, services: Object.keys(manifest?.services ?? {}), problems, notes }]
        } catch (error) {
          // The others are checked all the same.
          if (!(error instanceof OperationalError)) throw error
          unreadable.push(error)
          return []
        }
      })
      if (context.globals.json && checked.length > 0) context.print(files.length === 1 ? checked[0] : checked, () => '')
      else for (const one of checked) tell(one, context)
      if (checked.some(({ valid }) => !valid)) context.exitCode = INVALID
      if (unreadable.length > 0) throw unreadable[0]
    })
}

function tell({ file, valid, services, problems, notes }: Checked, context: Context): void {
  for (const problem of problems) context.say(problemText(problem, context.err))
  for (const { path, message, line, column } of notes)
    context.say(`${file}:${line}:${column}: ${path}: ${context.err.warning('note:')} ${message}`)
  if (valid)
    context.print(
      null,
      () =>
        `${file}: valid, ${services.length === 1 ? '1 service' : `${services.length} services`} (${services.join(', ')})`,
    )
  else context.say(context.err.bad(`${file}: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}`))
}

import { Command, Option } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { NodeView } from '../../core/model/view.ts'
import type { ExecSession } from '../../ports/runtime.ts'
import type { Client } from '../../transport/client.ts'
import type { Context } from '../context.ts'
import { nodeNamed } from '../find-node.ts'
import { LineCutter } from '../line-cutter.ts'
import { printable } from '../render/table.ts'
import { programWords, seconds } from '../values.ts'

interface Flags {
  readonly nodes?: string
  readonly timeout: number
}

const INTERRUPTED = 130
/** Of a program that a signal ended: this and the number of the signal. */
const KILLED = 128
/** Nodes that are asked at the same time. */
const AT_ONCE = 32

/** `docker`: a command of Docker on several nodes. */
export function dockerCommand(context: Context): Command {
  return new Command('docker')
    .description('run a command of Docker on nodes; each line is shown with the name of its node')
    .argument('<command...>', 'what stands after `docker`; after -- where it has options of our names')
    .option('--nodes <list>', 'ids or names, or all (default: those that run Docker)')
    .addOption(
      new Option('--timeout <time>', 'a command that has not ended by then is ended')
        .argParser(seconds)
        .default(3_600_000, '1h'),
    )
    .passThroughOptions()
    .allowUnknownOption()
    .addHelpText(
      'after',
      '\nIt ends with the highest code of a node. Input is not passed on. The commands are recorded as events.\n\nExamples:\n  gantry docker ps\n  gantry docker --nodes 1,2 -- pull example.com/shop:7',
    )
    .action(async (words: readonly string[], flags: Flags) => {
      const { argv, nodes } = takeNodes(words, flags.nodes ?? null)
      const client = context.client()
      const chosen = chooseNodes(nodes, await client.nodes())
      const codes = await runOnAll(chosen, { argv, timeoutMs: flags.timeout }, client, context)
      if (context.exitCode === 0) context.exitCode = Math.max(0, ...codes)
    })
}

/** `--nodes` may stand anywhere before `--`. */
function takeNodes(words: readonly string[], given: string | null): { argv: readonly string[]; nodes: string | null } {
  const end = words.includes('--') ? words.indexOf('--') : words.length
  const at = words.findIndex((word, i) => i < end && (word === '--nodes' || word.startsWith('--nodes=')))
  if (at < 0) return { argv: programWords(words), nodes: given }
  const [, attached] = (words[at] ?? '').split('=')
  const nodes = attached ?? words[at + 1]
  if (nodes === undefined || given !== null) throw new OperationalError('USAGE', '--nodes needs a list, and only one')
  const argv = [...words.slice(0, at), ...words.slice(at + (attached === undefined ? 2 : 1))]
  if (argv.length === 0) throw new OperationalError('USAGE', 'say which command of Docker is to be run')
  return { argv: programWords(argv), nodes }
}

function chooseNodes(list: string | null, nodes: readonly NodeView[]): readonly NodeView[] {
  const there = nodes.filter(({ status }) => status !== 'removed')
  if (list === 'all') return there
  if (list !== null) {
    // A node may be named twice, by its id and by its name.
    return [...new Set(list.split(',').map((part) => nodeNamed(part.trim(), there)))]
  }
  const withDocker = there.filter(({ runtimes }) => runtimes.some(({ kind }) => kind === 'docker'))
  if (withDocker.length > 0) return withDocker
  throw new OperationalError('PREREQUISITE', 'no node of this cluster runs Docker', {
    hint: '`gantry nodes` shows what they run',
  })
}

type Wanted = { readonly argv: readonly string[]; readonly timeoutMs: number }

/** Runs it everywhere and returns the code of each node. An interrupt ends all of them. */
async function runOnAll(
  nodes: readonly NodeView[],
  wanted: Wanted,
  client: Client,
  context: Context,
): Promise<readonly number[]> {
  const open = new Set<ExecSession>()
  const interrupted = new AbortController()
  const onInterrupt = (): void => {
    context.exitCode = INTERRUPTED
    interrupted.abort()
    for (const session of open) session.abort()
  }
  process.once('SIGINT', onInterrupt)
  try {
    const waiting = [...nodes]
    const codes: number[] = []
    const workers = Array.from({ length: Math.min(AT_ONCE, nodes.length) }, async () => {
      for (let node = waiting.shift(); node !== undefined; node = waiting.shift())
        if (!interrupted.signal.aborted) codes.push(await runOn(node, wanted, client, open, interrupted.signal))
    })
    await Promise.all(workers)
    return codes
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

async function runOn(
  node: NodeView,
  wanted: Wanted,
  client: Client,
  open: Set<ExecSession>,
  interrupted: AbortSignal,
): Promise<number> {
  const prefix = `[${printable(node.name)}] `
  const cutters = { stdout: new LineCutter(), stderr: new LineCutter() }
  const write = (stream: 'stdout' | 'stderr', lines: readonly string[]): boolean =>
    lines.length === 0 || process[stream].write(lines.map((line) => `${prefix}${line}\n`).join(''))
  const begunAt = performance.now()
  try {
    const session = await client.docker(node.id, wanted)
    open.add(session)
    if (interrupted.aborted) session.abort()
    for await (const { stream, data } of session.output)
      if (!write(stream, cutters[stream].push(data))) await drained(stream)
    open.delete(session)
    const code = await session.exit
    if (code >= KILLED && performance.now() - begunAt >= wanted.timeoutMs)
      process.stderr.write(`${prefix}It was ended: it took longer than ${wanted.timeoutMs / 1_000} s (--timeout).\n`)
    return code
  } catch (error) {
    if (interrupted.aborted) return 1
    if (!(error instanceof OperationalError)) throw error
    process.stderr.write(
      `${prefix}Error: ${error.message}\n${error.hint === '' ? '' : `${prefix}Try: ${error.hint}\n`}`,
    )
    return error.traits.exit
  } finally {
    for (const stream of ['stdout', 'stderr'] as const) write(stream, cutters[stream].end())
  }
}

/** Waits while the reader is slow. */
function drained(stream: 'stdout' | 'stderr'): Promise<void> {
  return new Promise((resolve) => {
    if (!process[stream].writableNeedDrain) resolve()
    else process[stream].once('drain', () => resolve())
  })
}

import { OperationalError } from '../core/errors.ts'
import type { RestartPolicy } from '../core/model/service.ts'
import type { DispatchRequest } from '../transport/wire.ts'
import { readInput } from './files.ts'

/** What `task run` was told on the command line. */
export interface RunFlags {
  readonly file?: string
  readonly image?: string
  readonly name?: string
  readonly env?: Readonly<Record<string, string>>
  readonly publish?: readonly string[]
  readonly memory?: string
  readonly cpus?: string
  readonly restart?: RestartPolicy
  readonly healthPath?: string
}

type Document = Readonly<Record<string, unknown>>

/** The task to start: what the file says, with what the line says in its place. The server checks the values. */
export async function requestOf(command: readonly string[], flags: RunFlags): Promise<DispatchRequest> {
  const file = flags.file === undefined ? {} : await readService(flags.file)
  const document: Document = { ...file, ...fieldsOf(command, flags, file) }
  const name = flags.name ?? text(document['name'] ?? document['service_name']) ?? programOf(document)
  if (name === null)
    throw new OperationalError('USAGE', 'say what to run', {
      hint: 'give --image IMAGE, a command after --, or -f FILE',
    })
  const { service_name: _, ...rest } = document
  return { restart_policy: 'no', ...rest, name: name.replace(/[^A-Za-z0-9_-]/g, '-') }
}

function fieldsOf(command: readonly string[], flags: RunFlags, file: Document): Document {
  const { image, env, publish, cpus, memory, restart, healthPath } = flags
  const limits = { ...part(file['limits']), ...defined({ cpus, memory }) }
  return {
    ...defined({ image, ports: publish, restart_policy: restart }),
    ...(command.length === 0 ? {} : { command: [...command] }),
    ...(env === undefined ? {} : { env: { ...part(file['env']), ...env } }),
    ...(cpus === undefined && memory === undefined ? {} : { limits }),
    ...(healthPath === undefined ? {} : { health_check: healthCheck(healthPath, publish) }),
  }
}

function healthCheck(path: string, publish: readonly string[] = []): Document {
  const port = Number(publish[0]?.split(':').at(-1)?.split('/')[0])
  if (Number.isInteger(port) && port > 0) return { type: 'http', http_path: path, port }
  throw new OperationalError('USAGE', '--health-path needs a port to ask', { hint: 'add -p HOST:CONTAINER' })
}

/** A name from what is run: `migrate` from `./migrate`, `nginx` from `example.com/nginx:1`. */
function programOf({ image, entrypoint, command }: Document): string | null {
  const words = [entrypoint, command].flat().filter((word) => typeof word === 'string')
  const program = text(image)?.split('/').at(-1)?.split(/[:@]/)[0] ?? words[0]?.split(/\s/)[0]?.split('/').at(-1)
  return program === '' ? null : (program ?? null)
}

async function readService(path: string): Promise<Document> {
  const { parse } = await import('yaml')
  const value = parsed(readInput(path), path, parse)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Document
  throw new OperationalError('SPEC_INVALID', `${path} holds no service`, {
    hint: 'it is what stands below the name of a service in a manifest',
  })
}

function parsed(content: string, path: string, parse: (content: string) => unknown): unknown {
  try {
    return parse(content)
  } catch (cause) {
    const [message = ''] = (cause as Error).message.split('\n')
    throw new OperationalError('SPEC_INVALID', `${path} is no YAML: ${message.replace(/:$/, '')}`, { cause })
  }
}

function part(value: unknown): Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Document) : {}
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Without the fields that nobody set. */
function defined(fields: Document): Document {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

import { accessSync, constants, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { OperationalError } from '../core/errors.ts'
import type { Target } from '../transport/client.ts'
import { readInput } from './files.ts'

/** What every command understands, wherever on the line it stands. */
export interface Globals {
  readonly json: boolean
  readonly debug: boolean
  readonly color: boolean
  readonly dataDir: string
  /** What --data says; null: it is not given, and `dataDir` comes from elsewhere. */
  readonly dataOption: string | null
  readonly socket: string | null
  readonly url: string | null
  /** The cluster that --context or GANTRY_CONTEXT names; null: none. */
  readonly context: { readonly name: string; readonly by: string } | null
  /** What names a place, such as `--url`, so that no selected cluster is asked instead; null: nothing. */
  readonly place: string | null
  readonly token: string | null
  /** What --token says, wherever else a token may come from. */
  readonly tokenOption: string | null
  readonly tokenFile: string | null
}

/** Options of `Globals`, for help and completion. */
export const GLOBAL_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ['--json', 'print the API’s answer as JSON'],
  ['--debug', 'show where an error comes from'],
  ['--no-color', 'no colours (as NO_COLOR does)'],
  ['--data <dir>', 'data directory (GANTRY_DATA)'],
  ['--socket <path>', 'socket of the server (GANTRY_SOCKET; default: gantry.sock in the data directory)'],
  ['--url <url>', 'address of a server elsewhere (GANTRY_URL); needs a token'],
  [
    '--context <name>',
    'cluster that the command is for (GANTRY_CONTEXT); `gantry clusters` lists those that are known',
  ],
  ['--token-file <file>', 'file with the token for --url (GANTRY_TOKEN holds the token itself)'],
  ['--token <token>', 'the token itself; others on this machine can see it, so prefer --token-file'],
]

/** Variables that are read, for help and the reference. What stands on the command line wins. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ['GANTRY_DATA', 'data directory; .gantry in a checkout, else /var/lib/gantry'],
  ['GANTRY_SOCKET', 'socket of the server; gantry.sock in the data directory'],
  ['GANTRY_URL', 'address of a server elsewhere; needs a token'],
  ['GANTRY_CONTEXT', 'cluster that commands are for; counts more than GANTRY_URL, GANTRY_SOCKET and GANTRY_DATA'],
  ['GANTRY_TOKEN', 'the token for GANTRY_URL, and for the socket of a node that is no server'],
  ['GANTRY_LISTEN', 'where `up` serves the API; 127.0.0.1:8080'],
  ['GANTRY_RUNTIME', 'what `up` runs tasks with: docker, process, or both; what is there'],
  ['CUBE_MANAGER_HOST, CUBE_MANAGER_PORT', 'where `up` serves the API when it starts as gokube does'],
  ['CUBE_WORKER_HOST, CUBE_WORKER_PORT', 'where the first of gokube’s three workers answers; the others follow'],
  ['DOCKER_HOST', 'the engine that `up` uses; unix:///var/run/docker.sock'],
  ['NO_COLOR', 'no colours, if it is not empty'],
]

const FLAGS = { '--json': 'json', '--debug': 'debug', '--no-color': 'noColor' } as const
const VALUES = {
  '--data': 'data',
  '--socket': 'socket',
  '--url': 'url',
  '--context': 'context',
  '--token': 'token',
  '--token-file': 'tokenFile',
} as const

/** Takes the global options out of a command line; the rest is the command's. Nothing after `--` is touched. */
export function takeGlobals(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  warn: (line: string) => void,
): { globals: Globals; rest: string[] } {
  const rest: string[] = []
  const flags = new Set<string>()
  const values = new Map<string, string>()
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--') {
      rest.push(...argv.slice(i))
      break
    }
    const [name = '', attached] = splitOption(word)
    if (Object.hasOwn(FLAGS, name)) {
      if (attached !== undefined) throw new OperationalError('USAGE', `option ${name} takes no value`)
      flags.add(FLAGS[name as keyof typeof FLAGS])
    } else if (Object.hasOwn(VALUES, name)) {
      const value = attached ?? argv[++i]
      if (value === undefined) throw new OperationalError('USAGE', `option ${name} needs a value`)
      const key = VALUES[name as keyof typeof VALUES]
      if (values.has(key)) throw new OperationalError('USAGE', `option ${name} is given twice`)
      values.set(key, value)
    } else rest.push(word)
  }
  if (values.has('token') && values.has('tokenFile'))
    throw new OperationalError('USAGE', '--token and --token-file both say what the token is')
  if (values.has('token'))
    warn('--token shows the token to everybody on this machine; use --token-file or GANTRY_TOKEN')
  const given = (option: string, variable: string): string | null => values.get(option) ?? variableOf(env, variable)
  const globals: Globals = {
    json: flags.has('json'),
    debug: flags.has('debug'),
    color: !flags.has('noColor') && variableOf(env, 'NO_COLOR') === null,
    dataDir: resolve(given('data', 'GANTRY_DATA') ?? '/var/lib/gantry'),
    dataOption: values.get('data') ?? null,
    socket: given('socket', 'GANTRY_SOCKET'),
    // A socket that is named on the line is meant, whatever the environment says.
    url: values.has('socket') ? (values.get('url') ?? null) : given('url', 'GANTRY_URL'),
    ...whither(values, env),
    token: given('token', 'GANTRY_TOKEN'),
    tokenOption: values.get('token') ?? null,
    tokenFile: values.get('tokenFile') ?? null,
  }
  return { globals, rest }
}

/** What says where a command goes: the line counts more than the environment. */
function whither(values: ReadonlyMap<string, string>, env: NodeJS.ProcessEnv): Pick<Globals, 'context' | 'place'> {
  const onLine = ['url', 'socket', 'data'].find((option) => values.has(option))
  const named = values.get('context')
  if (named !== undefined && onLine !== undefined)
    throw new OperationalError('USAGE', `--context and --${onLine} both say where the command goes`)
  if (named !== undefined) return { context: { name: named, by: '--context names it' }, place: null }
  if (onLine !== undefined) return { context: null, place: `--${onLine} names it` }
  const fromEnvironment = variableOf(env, 'GANTRY_CONTEXT')
  if (fromEnvironment !== null)
    return { context: { name: fromEnvironment, by: 'GANTRY_CONTEXT names it' }, place: null }
  const variable = ['GANTRY_URL', 'GANTRY_SOCKET', 'GANTRY_DATA'].find((name) => isChosen(env, name))
  return { context: null, place: variable === undefined ? null : `${variable} names it` }
}

/** The launcher of a checkout sets GANTRY_DATA where nobody has, and says so. */
function isChosen(env: NodeJS.ProcessEnv, name: string): boolean {
  const value = variableOf(env, name)
  return value !== null && !(name === 'GANTRY_DATA' && value === variableOf(env, 'GANTRY_CHECKOUT_DATA'))
}

/** A variable of the environment; one that is empty counts as not set. */
export function variableOf(env: NodeJS.ProcessEnv, name: string): string | null {
  const value = env[name] ?? ''
  return value === '' ? null : value
}

function splitOption(word: string): [name: string, value?: string] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}

/** Where the server's socket is. */
export function socketPath(globals: Globals): string {
  return globals.socket ?? join(globals.dataDir, 'gantry.sock')
}

/** How the server is reached that the line or the environment names, or that of this machine. */
export function targetOf(globals: Globals): Target {
  const token = globals.tokenFile === null ? globals.token : readToken(globals.tokenFile)
  if (globals.url === null) return { socketPath: socketPath(globals), token: token ?? keptToken(globals) }
  if (token === null)
    throw new OperationalError('USAGE', '--url needs a token', { hint: 'give --token-file FILE or set GANTRY_TOKEN' })
  return { url: globals.url, token }
}

/** The token that lies in the data directory: a node that is no server passes on only what carries one. */
function keptToken({ socket, dataDir }: Globals): string | null {
  const path = join(dataDir, 'token')
  if (socket !== null) return null
  try {
    accessSync(path, constants.R_OK)
  } catch {
    return null // None is kept there, or not for this user.
  }
  return readToken(path)
}

/** The token in a file. Throws CONFIG_INVALID when others can read it. */
export function readToken(path: string): string {
  const text = readInput(path)
  if (path !== '-' && (statSync(path).mode & 0o077) !== 0) {
    throw new OperationalError('CONFIG_INVALID', `${path} can be read by others`, { hint: `chmod 600 ${path}` })
  }
  return text.trim()
}

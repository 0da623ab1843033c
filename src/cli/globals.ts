import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { OperationalError } from '../core/errors.ts'
import type { Target } from '../transport/client.ts'

/** What every command understands, wherever on the line it stands. */
export interface Globals {
  readonly json: boolean
  readonly debug: boolean
  readonly color: boolean
  readonly dataDir: string
  readonly socket: string | null
  readonly url: string | null
  readonly token: string | null
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
  ['--token-file <file>', 'file with the token for --url (GANTRY_TOKEN holds the token itself)'],
  ['--token <token>', 'the token itself; others on this machine can see it, so prefer --token-file'],
]

const FLAGS = { '--json': 'json', '--debug': 'debug', '--no-color': 'noColor' } as const
const VALUES = {
  '--data': 'data',
  '--socket': 'socket',
  '--url': 'url',
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
    if (name in FLAGS) flags.add(FLAGS[name as keyof typeof FLAGS])
    else if (name in VALUES) {
      const value = attached ?? argv[++i]
      if (value === undefined) throw new OperationalError('USAGE', `option ${name} needs a value`)
      values.set(VALUES[name as keyof typeof VALUES], value)
    } else rest.push(word)
  }
  if (values.has('token'))
    warn('--token shows the token to everybody on this machine; use --token-file or GANTRY_TOKEN')
  const globals: Globals = {
    json: flags.has('json'),
    debug: flags.has('debug'),
    color: !flags.has('noColor') && (env['NO_COLOR'] ?? '') === '',
    dataDir: resolve(values.get('data') ?? env['GANTRY_DATA'] ?? '/var/lib/gantry'),
    socket: values.get('socket') ?? env['GANTRY_SOCKET'] ?? null,
    url: values.get('url') ?? env['GANTRY_URL'] ?? null,
    token: values.get('token') ?? env['GANTRY_TOKEN'] ?? null,
    tokenFile: values.get('tokenFile') ?? null,
  }
  return { globals, rest }
}

function splitOption(word: string): [name: string, value?: string] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}

/** Where the server's socket is. */
export function socketPath(globals: Globals): string {
  return globals.socket ?? join(globals.dataDir, 'gantry.sock')
}

/** How the server is reached. */
export function targetOf(globals: Globals): Target {
  if (globals.url === null) return { socketPath: socketPath(globals) }
  const token = globals.tokenFile === null ? globals.token : readToken(globals.tokenFile)
  if (token === null)
    throw new OperationalError('USAGE', '--url needs a token', { hint: 'give --token-file FILE or set GANTRY_TOKEN' })
  return { url: globals.url, token }
}

function readToken(path: string): string {
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new OperationalError('CONFIG_INVALID', `${path} can be read by others`, { hint: `chmod 600 ${path}` })
  }
  return readFileSync(path, 'utf8').trim()
}

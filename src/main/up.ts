import { hostname } from 'node:os'
import { basename, join, relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Api } from '../control/api.ts'
import type { Server } from '../control/server.ts'
import { OperationalError } from '../core/errors.ts'
import type { TaskId } from '../core/model/ids.ts'
import type { Manifest } from '../core/model/manifest.ts'
import type { ServiceView } from '../core/model/view.ts'
import { createLog } from '../drivers/log.ts'
import { aborted } from '../lib/aborted.ts'
import type { Log, LogLevel } from '../ports/log.ts'
import { isLoopback } from '../transport/http/auth.ts'
import { checkPortIsFree } from '../transport/http/listeners.ts'
import { gokubeWorkerRoutes } from '../transport/http/routes/gokube-worker.ts'
import { type HttpServer, type ListenAddress, startHttp } from '../transport/http/server.ts'
import { becomeReady, isInBackground } from './background.ts'
import { describeRuntime, farewell, lastWord, nextSignal, sentAway } from './foreground.ts'
import { keepMemorySmall } from './keep-memory-small.ts'
import { keepName } from './kept-name.ts'
import { type NodeOptions, type NodeProcess, nodeName, startNode } from './node-process.ts'
import { apiToken } from './token.ts'

export interface UpOptions extends NodeOptions {
  readonly listen: { readonly host: string; readonly port: number } | null
  readonly socketPath: string
  readonly auth: 'token' | 'none'
  /** Ctrl-C leaves the tasks running instead of stopping them. */
  readonly leave: boolean
  readonly logLevel: LogLevel
  /** Addresses on which gokube's workers answer, each for the node of that name. */
  readonly workers: readonly { readonly name: string; readonly host: string; readonly port: number }[]
  /** A manifest to apply when the cluster has none yet. */
  readonly first: { readonly file: string; readonly text: string } | null
}

/** What has not come up by then is for `gantry services` to show. */
const SHOWN_MS = 60_000
/** How long the API waits until the others know its token. */
const TOLD_MS = 3_000

/** Runs server and agent in the foreground until a signal ends them. Returns the exit code. */
export async function runUp(options: UpOptions): Promise<number> {
  const log = createLog({ level: options.logLevel, destination: process.stderr, pretty: process.stderr.isTTY })
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`)
  }
  const token = join(options.dataDir, 'token')
  const first = options.first === null ? null : await readFirst(options.first)
  if (options.listen !== null) await checkPortIsFree(options.listen)
  const node = await startNode(options, log, say)
  await keepName(options.dataDir, nodeName(options))
  const apis: HttpServer[] = []
  let endReady = (): Promise<void> => Promise.resolve()
  const close = async (park: boolean): Promise<readonly TaskId[]> => {
    await Promise.all(apis.map((one) => one.close()))
    const left = await node.stop({ park })
    await endReady()
    return left
  }
  try {
    const signal = nextSignal()
    apis.push(...(await startApis(node, token, options, log)))
    await comeUp(node, first, say, signal, () => welcome(apis[0]?.address ?? null, token, first, options))
    endReady = await becomeReady(options.dataDir)
    const endKeeping = keepMemorySmall()
    const name = await Promise.race([signal, refusal(node.server), dismissal(node)])
    endKeeping()
    const park = name === 'SIGINT' && !options.leave
    say(farewell(park))
    process.once('SIGINT', () => process.exit(130))
    say(lastWord(await close(park)))
    return 0
  } catch (error) {
    await close(false)
    throw error
  }
}

/** Says what there is as soon as it is there; a signal ends the waiting. */
async function comeUp(
  node: NodeProcess,
  first: First | null,
  say: (line: string) => void,
  signal: Promise<unknown>,
  words: () => string,
): Promise<void> {
  const ended = new AbortController()
  void signal.then(() => ended.abort())
  await untilNode(node.server.api, ended.signal)
  for (const line of node.runtimes().map(describeRuntime)) say(line)
  if (first !== null && node.server.leads) await showFirst(first, node.server.api, say, ended.signal)
  if (!ended.signal.aborted) say(words())
}

/** Rejects when a user has sent this machine away. */
async function dismissal({ dismissed }: NodeProcess): Promise<never> {
  throw sentAway(await dismissed)
}

/** Rejects when the cluster has come to a level that this version does not know. */
async function refusal({ refused }: Server): Promise<never> {
  await aborted(refused)
  throw refused.reason
}

/** The API, and behind it those of gokube's workers. */
async function startApis(
  node: NodeProcess,
  token: string,
  options: UpOptions,
  log: Log,
): Promise<readonly [HttpServer, ...HttpServer[]]> {
  const { auth, version } = options
  const own = await apiToken(token)
  // The others let in whoever has it too; a cluster of one has nobody to tell. A store that is not there does not keep the API away.
  if (options.link !== null) await Promise.race([node.server.allow(own), pause(TOLD_MS, undefined, { ref: false })])
  const common = {
    api: node.server.api,
    log,
    names: [hostname(), ...(options.link === null ? [] : [options.link.advertise])],
    tokens: () => [own, ...node.server.accessTokens],
    auth,
    version,
    serverName: nodeName(options),
    metrics: [node.metrics],
  }
  const { socketPath, listen } = options
  const open: HttpServer[] = []
  try {
    const whole = await startHttp({ ...common, socketPath, listen: secured(listen, node), elsewhere: node.elsewhere })
    open.push(whole)
    node.serveApi(whole)
    for (const { name, host, port } of options.workers) {
      const routes = gokubeWorkerRoutes(name)
      open.push(await startHttp({ ...common, socketPath: null, listen: secured({ host, port }, node), routes }))
    }
    return [whole, ...open.slice(1)]
  } catch (error) {
    await Promise.all(open.map((one) => one.close()))
    throw error
  }
}

/** Beyond this machine the API shows a certificate. */
function secured(listen: UpOptions['listen'], { apiTls }: NodeProcess): ListenAddress | null {
  return listen === null || apiTls === null || isLoopback(listen.host) ? listen : { ...listen, tls: apiTls }
}

async function untilNode(api: Api, signal: AbortSignal): Promise<void> {
  if (api.nodes().length > 0) return
  for await (const event of api.watchEvents({ after: null, service: null, object: null, limit: null }, signal)) {
    if (event.kind === 'node.joined') return
  }
}

interface First {
  readonly file: string
  readonly text: string
  readonly manifest: Manifest
}

async function readFirst({ file, text }: { readonly file: string; readonly text: string }): Promise<First> {
  const { loadManifest } = await import('../core/manifest/load.ts')
  const { manifest, problems } = loadManifest(text, file)
  if (manifest === null) throw new OperationalError('SPEC_INVALID', `${file} has problems`, { problems })
  return { file, text, manifest }
}

/** Applies a first manifest if the cluster has none, and shows how what is wanted comes up. */
async function showFirst(
  { file, text, manifest }: First,
  api: Api,
  say: (line: string) => void,
  ended: AbortSignal,
): Promise<void> {
  const signal = AbortSignal.any([ended, AbortSignal.timeout(SHOWN_MS)])
  if (api.cluster().desiredRevision === 0) {
    await api.apply({ kind: 'apply', manifest, text }, null, { by: 'gantry up', idempotencyKey: null })
    say(`Applying ${file} ...`)
  } else {
    say('Bringing back what was applied before ...')
  }
  const told = new Map<string, string>()
  const show = (): boolean => {
    const services = api.services()
    for (const service of services) {
      const line = progressLine(service)
      if (told.get(service.name) !== line) say(line)
      told.set(service.name, line)
    }
    return services.every(({ health }) => health === 'healthy' || health === 'paused')
  }
  const events = api.watchEvents({ after: null, service: null, object: null, limit: 1 }, signal)
  if (show()) return
  for await (const event of events) {
    if (event.kind === 'manifest.failed') say(`Failed: ${event.message}`)
    if (show() || event.kind === 'manifest.failed') return
  }
}

function progressLine({ name, ready, replicas, health, message }: ServiceView): string {
  return `  ${name}: ${ready} of ${replicas} ready${health === 'healthy' ? ', healthy' : message === '' ? '' : `, ${message}`}`
}

function welcome(address: string | null, token: string, first: First | null, options: UpOptions): string {
  const lines = ['', 'Gantry is up.']
  if (address !== null) lines.push(`  API      ${address}/api/v1  (token in ${token})`)
  if (address?.startsWith('https:') === true)
    lines.push(`           its authority: ${join(options.dataDir, 'identity', 'authority.crt')}`)
  lines.push(`  Socket   ${options.socketPath}`)
  for (const { name, host, port } of options.workers) lines.push(`  Worker   ${name} on ${host}:${port}`)
  if (first !== null) lines.push('', ...whatToTry(first))
  if (isInBackground()) return lines.join('\n')
  lines.push(
    '',
    options.leave ? 'Ctrl-C ends Gantry and leaves the tasks running.' : 'Ctrl-C stops the tasks and ends Gantry.',
  )
  return lines.join('\n')
}

function whatToTry({ file, manifest }: First): string[] {
  const gantry = basename(process.argv[1] ?? '') === 'gantry.cjs' ? './bin/gantry' : 'gantry'
  const [service = ''] = Object.keys(manifest.services)
  const path = relative(process.cwd(), file)
  const tips = [
    ['services', 'what runs'],
    [`plan --config ${path}`, 'what a change would do; edit the file first'],
    [`apply --config ${path}`, 'do it'],
    [`logs ${service} -f`, 'what it says'],
    [`explain ${service}`, 'why it is as it is'],
  ].map(([words = '', meaning = '']) => ({ line: `  ${gantry} ${words}`, meaning }))
  const widest = Math.max(...tips.map(({ line }) => line.length))
  return ['Try next, in another terminal:', ...tips.map(({ line, meaning }) => `${line.padEnd(widest + 2)}${meaning}`)]
}

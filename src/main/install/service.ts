import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readState } from '../../agent/cache.ts'
import { OperationalError } from '../../core/errors.ts'
import type { NodeSettings } from '../../core/install/node-settings.ts'
import { unitName, unitText } from '../../core/install/unit.ts'
import type { Millis } from '../../core/model/ids.ts'
import { systemClock } from '../../drivers/clock.ts'
import { durableText } from '../../drivers/durable-text.ts'
import { processesOf, startDetached } from '../../drivers/service/detached.ts'
import { startUnit, systemdRuns, unitFault, unitPath } from '../../drivers/service/systemd.ts'
import { sleep } from '../../ports/clock.ts'
import { createClient } from '../../transport/client.ts'
import { readIdentity } from '../identity.ts'
import type { InstallOptions } from './install.ts'
import { type InstallPaths, installPaths } from './paths.ts'
import { programWords } from './program-words.ts'
import { nodeOf, serviceWords } from './take-away.ts'

const LOOK_EVERY_MS: Millis = 200
/** A server waits for its store, and an agent for the leader that takes it. */
const READY_WITHIN_MS: Millis = 60_000
/** A program that has run so long does not end because of what it was told. */
const SETTLED_MS: Millis = 2_000
const LAST_LINES = 5

/** What keeps a node running here. Throws PREREQUISITE where systemd is insisted on and is not there. */
export function chooseService({
  systemd = false,
  start,
}: {
  readonly systemd?: boolean
  readonly start: boolean
}): 'systemd' | 'detached' | 'none' {
  if (systemd && !systemdRuns())
    throw new OperationalError('PREREQUISITE', 'systemd does not run this machine', { hint: 'leave --systemd out' })
  if (!start) return 'none'
  return systemdRuns() ? 'systemd' : 'detached'
}

/** Has the node run from now on. */
export async function startService(
  paths: InstallPaths,
  settings: NodeSettings,
  service: 'systemd' | 'detached',
): Promise<void> {
  if (service === 'systemd') return startUnit(unitPath(unitName(paths.volume)), unitOf(settings))
  const argv = [...programWords(), ...serviceWords(paths, nodeOf({ settings }))]
  const pid = startDetached(argv, { log: paths.log, env: ownEnvironment() })
  await writeFile(paths.pid, `${pid ?? ''}\n`, { mode: 0o600 })
}

/** What a node is told stands in its file; variables of whoever installs it do not count. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GANTRY_')))
}

/** Resolves when the node is one of the cluster, or with `wait: false` when its process has settled. Throws PREREQUISITE, TIMEOUT. */
export async function untilReady(
  paths: InstallPaths,
  settings: NodeSettings,
  { service, wait, say }: Pick<InstallOptions, 'wait' | 'say'> & { readonly service: 'systemd' | 'detached' },
  signal: AbortSignal,
): Promise<void> {
  const clock = systemClock()
  const since = clock.now()
  let told = ''
  for (;;) {
    const waiting = waitsFor(paths)
    if (waiting !== told) say(waiting)
    told = waiting
    const fault = await faultOf(paths, settings, service)
    if (fault !== null) throw new OperationalError('PREREQUISITE', `the node does not come up: ${fault}`)
    const passed = clock.now() - since
    if (wait ? await isReady(paths, settings) : passed > SETTLED_MS) return
    if (passed > READY_WITHIN_MS) throw notReady(told)
    await sleep(clock, LOOK_EVERY_MS, signal)
  }
}

function notReady(waiting: string): OperationalError {
  const last = waiting === '' ? '' : `: ${waiting.replace('Waiting: ', 'it waits, ')}`
  return new OperationalError('TIMEOUT', `the node is not ready after ${READY_WITHIN_MS / 1_000} s${last}`)
}

/** What a process that has not come up says it waits for; empty: nothing. */
function waitsFor({ log }: InstallPaths): string {
  const said = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []
  return said.findLast((line) => line.startsWith('Waiting: ')) ?? ''
}

async function faultOf(
  paths: InstallPaths,
  settings: NodeSettings,
  service: 'systemd' | 'detached',
): Promise<string | null> {
  if (service === 'systemd') return unitFault(unitPath(unitName(paths.volume)))
  if (processesOf(serviceWords(paths, nodeOf({ settings }))).length > 0) return null
  const log = existsSync(paths.log) ? readFileSync(paths.log, 'utf8') : ''
  return log.trim().split('\n').slice(-LAST_LINES).join('\n')
}

/** A server answers and knows its own node; an agent has been given orders. */
async function isReady(paths: InstallPaths, settings: NodeSettings): Promise<boolean> {
  const identity = await readIdentity(paths.volume)
  if (identity === null) return false
  if (nodeOf({ settings }).role !== 'server') {
    const state = await readState(durableText(join(paths.volume, 'agent.json')))
    return state !== null && state.authority !== null
  }
  try {
    const nodes = await createClient({ socketPath: paths.socket, token: null }).nodes()
    return nodes.some(({ id, status }) => id === identity.nodeId && status === 'ready')
  } catch (error) {
    if (error instanceof OperationalError) return false
    throw error
  }
}

/** The unit of a node with these settings, as `install` writes it. */
export function unitOf(settings: NodeSettings): string {
  const paths = installPaths(settings.data_dir)
  const { role } = nodeOf({ settings })
  const command = role === 'server' ? 'up' : 'agent'
  return unitText({ program: programWords(), command, settingsFile: paths.settings, volume: paths.volume })
}

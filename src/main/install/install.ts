import { existsSync, readFileSync } from 'node:fs'
import { OperationalError } from '../../core/errors.ts'
import { type JoinSecret, parseJoinSecret } from '../../core/identity/cluster-secret.ts'
import { differences, type NodeSettings, settingsText } from '../../core/install/node-settings.ts'
import type { InstallRecord, InstallStep } from '../../core/install/record.ts'
import { unitName } from '../../core/install/unit.ts'
import type { NodeId } from '../../core/model/ids.ts'
import { replaceFile } from '../../drivers/durable-text.ts'
import { createLog } from '../../drivers/log.ts'
import { unitPath } from '../../drivers/service/systemd.ts'
import { joinAndKeep, readIdentity } from '../identity.ts'
import { joinWhenPossible } from '../join-when-possible.ts'
import { nodeName } from '../node-process.ts'
import { installPaths } from './paths.ts'
import { beginRecord, readRecord, thisWorker, writeRecord } from './record-file.ts'
import { startService, untilReady } from './service.ts'
import { nodeOf, takeAway } from './take-away.ts'

export interface InstallOptions {
  readonly settings: NodeSettings
  /** Text of a join token, or the cluster secret. */
  readonly secret: string
  /** What keeps it running: systemd, or nobody, or it is not started at all. */
  readonly service: 'systemd' | 'detached' | 'none'
  /** Whether to wait until it has joined; else its service does. */
  readonly wait: boolean
  readonly say: (line: string) => void
}

export interface Installed {
  readonly volume: string
  readonly role: 'server' | 'agent'
  /** null: it has not joined yet. */
  readonly nodeId: NodeId | null
  readonly service: InstallOptions['service']
  /** Whether it was installed before, with the same settings. */
  readonly unchanged: boolean
}

/**
 * Makes this machine a node, or leaves it as it was: what fails or is interrupted (`signal`) is taken back, and what an
 * earlier one left is taken away first. The same once more changes nothing. Throws ALREADY_EXISTS for other settings.
 */
export async function install(options: InstallOptions, signal: AbortSignal): Promise<Installed> {
  const { settings, say } = options
  const paths = installPaths(settings.data_dir)
  const present = readRecord(paths)
  if (present?.state === 'installed') return unchanged(present, options)
  const left = (what: string): void => say(`Left behind: ${what}`)
  if (present !== null) {
    say(`An earlier attempt in ${paths.volume} was interrupted: it is taken back first.`)
    await takeAway(paths, present, { keepData: false, left })
  }
  const unit = options.service === 'systemd' ? unitPath(unitName(paths.volume)) : null
  const begun = { format: 1, state: 'installing', step: 'directory', unit, worker: thisWorker(), settings } as const
  let record = await beginRecord(paths, begun)
  const next = async (step: InstallStep): Promise<void> => {
    signal.throwIfAborted()
    record = { ...record, step }
    await writeRecord(paths, record)
  }
  try {
    await carryOut(options, next, signal)
    record = { ...record, state: 'installed' }
    await writeRecord(paths, record)
    return { ...(await outcomeOf(options)), unchanged: false }
  } catch (error) {
    say('Taking back what was done ...')
    await takeAway(paths, record, { keepData: false, left })
    throw error
  }
}

async function carryOut(
  options: InstallOptions,
  next: (step: InstallStep) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { settings, secret, service, wait, say } = options
  const paths = installPaths(settings.data_dir)
  await next('files')
  await replaceFile(paths.secret, `${secret.trim()}\n`)
  await replaceFile(paths.settings, settingsText(settings))
  await next('join')
  if (wait && service !== 'none') await joinNow(options, signal)
  await next('service')
  if (service === 'none') return
  await startService(paths, settings, service)
  await next('ready')
  if (wait) say('Waiting until the node is ready ...')
  await untilReady(paths, settings, { service, wait, say }, signal)
}

/** A first server has nobody to ask: it makes the cluster when it starts. */
async function joinNow({ settings, secret, say }: InstallOptions, signal: AbortSignal): Promise<void> {
  const { role = 'agent', name, servers = [], advertise, address } = nodeOf({ settings })
  if (servers.length === 0) return
  say(`Joining at ${servers.join(', ')} ...`)
  const reached = advertise ?? address
  const asking = {
    ...{ servers, token: secret, role, name: nodeName({ name: name ?? null }) },
    addresses: reached === undefined ? [] : [reached],
  }
  const log = createLog({ level: 'error', destination: process.stderr, pretty: false })
  let told = ''
  const warn = (_: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    const line = `Waiting: ${String(fields['reason'] ?? '')}`
    if (line !== told) say(line)
    told = line
  }
  await joinWhenPossible(() => joinAndKeep(settings.data_dir, asking), { ...log, warn }, { signal })
}

async function outcomeOf({ settings, service }: InstallOptions): Promise<Omit<Installed, 'unchanged'>> {
  const { data_dir: volume } = settings
  const { role = 'agent' } = nodeOf({ settings })
  return { volume, role, nodeId: (await readIdentity(volume))?.nodeId ?? null, service }
}

async function unchanged(record: InstallRecord, options: InstallOptions): Promise<Installed> {
  const { settings, secret } = options
  const paths = installPaths(settings.data_dir)
  const before = record.settings
  const changes = before === null ? [] : [...differences(before, settings)]
  if (existsSync(paths.secret) && !isSame(readFileSync(paths.secret, 'utf8'), parseJoinSecret(secret)))
    changes.push('the token or secret')
  const service = record.unit !== null ? 'systemd' : options.service
  if (changes.length === 0) return { ...(await outcomeOf({ ...options, service })), unchanged: true }
  throw new OperationalError(
    'ALREADY_EXISTS',
    `this machine is installed in ${paths.volume} with other settings: ${changes.join('; ')}`,
    { hint: '`gantry node set` and `node label` change a node; for the rest uninstall it and install it again' },
  )
}

/** A token lets in once and is of no use afterwards, so another one changes nothing. */
function isSame(kept: string, given: JoinSecret): boolean {
  const before = parseJoinSecret(kept)
  if (before.kind === 'clusterSecret' && given.kind === 'clusterSecret') return before.secret === given.secret
  return before.kind === given.kind
}

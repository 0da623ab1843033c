import { OperationalError } from '../../core/errors.ts'
import { whyOthersStandStill } from '../../core/etcd/who-goes-on.ts'
import type { InstallRecord } from '../../core/install/record.ts'
import { systemClock } from '../../drivers/clock.ts'
import { EtcdProcess } from '../../drivers/etcd/etcd-process.ts'
import { createLog } from '../../drivers/log.ts'
import { sleep } from '../../ports/clock.ts'
import { createClient } from '../../transport/client.ts'
import type { InstallPaths } from './paths.ts'

const TRIES = 8
const AGAIN_MS = 1_500

/**
 * Takes a server that keeps the store with others out of their number, while it runs: once it has gone they would count on it for
 * a majority. `left` is told when it stays one of them; the last server has nobody to leave.
 */
export async function leaveStore(
  paths: InstallPaths,
  { settings }: InstallRecord,
  left: (what: string) => void,
): Promise<void> {
  if (settings?.backend?.['type'] !== 'managed-etcd') return
  const own = settings.node.advertise ?? ''
  try {
    const client = createClient({ socketPath: paths.socket, token: null })
    const servers = await client.servers()
    const itself = servers.find(({ address }) => address === own)
    if (itself !== undefined && servers.length > 1) await withPatience(() => client.removeServer(itself.id))
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    left(`server ${own} in the store: ${error.message}; \`gantry servers rm ${own}\` on another server removes it`)
  }
}

/** What a server that keeps the store, and runs, says of those that do. */
export interface StoreStanding {
  /** It is the only one that is left of them. */
  readonly isLast: boolean
  /** Why the others stand still without it; null: they go on, as far as is known. */
  readonly othersStop: string | null
}

/** Asks the server that is installed here how it stands; one that does not run says nothing. */
export async function standingInStore(paths: InstallPaths, { settings }: InstallRecord): Promise<StoreStanding> {
  const nothing = { isLast: false, othersStop: null }
  if (settings?.backend?.['type'] !== 'managed-etcd') return nothing
  const own = settings.node.advertise ?? ''
  try {
    const servers = await createClient({ socketPath: paths.socket, token: null }).servers()
    const [first, ...others] = servers
    const isLast = others.length === 0 && first?.address === own && first.alive
    return { isLast, othersStop: whyOthersStandStill(servers, own) }
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    return nothing
  }
}

/** An etcd with a member that has just come or gone takes no other change for some seconds. */
async function withPatience(remove: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await remove()
      return
    } catch (error) {
      const passes = error instanceof OperationalError && error.traits.retry === 'after'
      if (!passes || tries >= TRIES) throw error
      await sleep(systemClock(), AGAIN_MS)
    }
  }
}

/** Stops an etcd that outlived its Gantry. */
export async function endStore({ volume }: InstallPaths, { settings }: InstallRecord): Promise<void> {
  if (settings?.backend?.['type'] !== 'managed-etcd') return
  const log = createLog({ level: 'error', destination: process.stderr, pretty: false })
  const etcd = new EtcdProcess({ dataDir: volume, program: 'etcd', clock: systemClock(), log })
  await etcd.adopt()
  await etcd.stop()
}

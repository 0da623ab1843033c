import { setTimeout as pause } from 'node:timers/promises'
import { processStat } from '../../src/drivers/process/proc.ts'
import { until } from '../system/gantry.ts'
import { changed, type Reign, reignsOf, runningContainers } from './ground-truth.ts'
import type { Host } from './host.ts'
import type { LabProcess } from './lab-process.ts'
import { runsOf } from './runs.ts'
import type { Fault, Verdict, WatchedCluster } from './watched-cluster.ts'
import { isUnwritten, WEB_REPLICAS } from './watched-manifest.ts'

const TAKEN_OVER_MS = 60_000
/** Later than this they are moved although nobody noticed that the machine is silent: its agent is away for a minute. */
const MOVED_MS = 45_000
const BACK_MS = 120_000

/** The leader is killed with signal 9, and started again. */
export function leaderKilled(bed: WatchedCluster): Promise<Verdict> {
  return bed.during(async () => {
    const { leader, program, epoch } = await leading(bed)
    const killedAt = Date.now()
    await program.signal('SIGKILL')
    const next = await takenOver(bed, leader, epoch)
    meant(program.isRunning === false, 'the leader lives')
    meant(next.since >= killedAt, 'it no longer led when it was killed')
    await leader.restartGantry()
    return { touches: [], facts: nextLeader(next, killedAt) }
  })
}

/**
 * The leader stands still for so long and goes on in the belief that it leads, with a change before it that it was asked for meanwhile.
 * What else is to happen begins when another server leads; it is told who stands still.
 */
export function leaderPaused(
  bed: WatchedCluster,
  pausedMs: number,
  meanwhile: (still: Host) => Promise<Fault> = async () => ({ touches: [], facts: {} }),
): Promise<Verdict> {
  return bed.during(async (writer) => {
    const { leader, program, epoch } = await leading(bed)
    const pausedAt = Date.now()
    await program.signal('SIGSTOP')
    const waiting = writer.ask(bed.cluster.client(leader))
    const next = await takenOver(bed, leader, epoch)
    const also = await meanwhile(leader)
    await pause(Math.max(0, pausedAt + pausedMs - Date.now()))
    meant(processStat(program.pid)?.state === 'T', 'the leader went on before its time')
    meant(reignOf(program, epoch)?.until === null, 'it knew that it no longer leads')
    const resumedAt = Date.now()
    await program.signal('SIGCONT')
    const end = await until(
      async () => reignOf(program, epoch)?.until ?? null,
      (at) => at !== null,
    )
    meant((end ?? 0) >= resumedAt, 'it gave up before it went on')
    await waiting
    const facts = { ...nextLeader(next, pausedAt), 'believed it led for ms': (end ?? 0) - resumedAt }
    return { touches: also.touches, facts: { ...facts, ...also.facts } }
  })
}

/** A machine loses power, that of the leader or another, and comes back when its tasks run elsewhere. */
export function nodeLost(bed: WatchedCluster, who: 'leader' | 'agent'): Promise<Verdict> {
  return bed.during(async () => {
    if (who === 'agent') return agentLost(bed)
    const { leader, epoch } = await leading(bed)
    const lostAt = Date.now()
    return lose(bed, leader, async () => nextLeader(await takenOver(bed, leader, epoch), lostAt))
  })
}

async function agentLost(bed: WatchedCluster, still: Host | null = null, spared: Host | null = null): Promise<Fault> {
  return lose(bed, await bed.fullestAgent(spared), async () => ({}), still)
}

async function lose(
  bed: WatchedCluster,
  victim: Host,
  follows: () => Promise<Fault['facts']>,
  still: Host | null = null,
): Promise<Fault> {
  const lostAt = Date.now()
  await bed.powerOff(victim)
  const facts = await follows()
  const movedAt = await movedFrom(bed, victim, lostAt, still)
  meant(!victim.isOn, 'the machine is on')
  await bed.cluster.powerOn(victim)
  return { touches: [victim], facts: { ...facts, 'replaced after s': (movedAt - lostAt) / 1_000 } }
}

/** A machine is cut off, that of the leader or another, and comes back when its tasks run elsewhere too. */
export function nodeCutOff(bed: WatchedCluster, who: 'leader' | 'agent'): Promise<Verdict> {
  return bed.during(async () => {
    if (who === 'agent') return agentCutOff(bed)
    const { leader, epoch } = await leading(bed)
    const cutAt = Date.now()
    return cutOff(bed, leader, async () => nextLeader(await takenOver(bed, leader, epoch), cutAt))
  })
}

/** Two machines of agents at once, as part of something else: one loses power, and the one that runs what may run only once is cut off. */
export async function twoAgentsGone(bed: WatchedCluster, still: Host): Promise<Fault> {
  const home = await bed.homeOfOnly()
  const [lost, cut] = await Promise.all([agentLost(bed, still, home), agentCutOff(bed, still)])
  const facts = Object.entries(cut.facts).map(([name, value]) => [`${name}, cut off`, value] as const)
  return { touches: [...lost.touches, ...cut.touches], facts: { ...lost.facts, ...Object.fromEntries(facts) } }
}

async function agentCutOff(bed: WatchedCluster, still: Host | null = null): Promise<Fault> {
  return cutOff(bed, await bed.homeOfOnly(), async () => ({}), still)
}

async function cutOff(
  bed: WatchedCluster,
  victim: Host,
  follows: () => Promise<Fault['facts']>,
  still: Host | null = null,
): Promise<Fault> {
  const before = (await runningContainers([victim])).filter(({ service }) => isUnwritten(service))
  const cutAt = Date.now()
  const mend = await bed.lab.cut(victim)
  const facts = await follows()
  const movedAt = await movedFrom(bed, victim, cutAt, still)
  const lost = await bed.lab.lostPackets()
  meant(lost > 0, 'no packet was lost')
  const after = await runningContainers([victim])
  meant(before.length > 0 && changed(before, after).length === 0, 'it did not run on while it was cut off')
  await mend()
  const replacedAfter = (movedAt - cutAt) / 1_000
  return { touches: [victim], facts: { ...facts, 'replaced after s': replacedAfter, 'lost packets': lost } }
}

/**
 * Every server is killed; meanwhile, agents and engines too, which start again and find nobody; a container crashes, and comes
 * back in place. After so long the servers are started.
 */
export function serversGone(bed: WatchedCluster, goneMs: number): Promise<Verdict> {
  return bed.during(async () => {
    const { servers } = bed.cluster
    const goneAt = Date.now()
    for (const server of servers) await server.signal('gantry', 'SIGKILL')
    for (const agent of bed.agents) await agent.signal('gantry', 'SIGKILL')
    for (const host of [...servers.slice(1), ...bed.agents.slice(1)]) await host.engine.restart('SIGKILL')
    for (const agent of bed.agents) await agent.restartGantry()
    const crashed = await crashOne(bed)
    await pause(Math.max(0, goneAt + goneMs - Date.now()))
    meant(
      servers.every(({ gantryProcess }) => gantryProcess?.isRunning === false),
      'a server lives',
    )
    await Promise.all(servers.map((server) => server.restartGantry()))
    return { touches: [crashed], facts: { 'without servers for s': (Date.now() - goneAt) / 1_000 } }
  })
}

/** Every server is stopped and started, one after the other, as an update would. */
export function serversRolled(bed: WatchedCluster): Promise<Verdict> {
  return bed.during(async () => {
    const before = await bed.cluster.view()
    for (const server of bed.cluster.servers) {
      const old = server.gantryProcess?.pid
      await server.restartGantry('SIGTERM')
      meant(server.gantryProcess?.pid !== old, `${server.name} was not restarted`)
      await ready(bed, server)
    }
    const after = await bed.cluster.view()
    meant(after.leadership.epoch > before.leadership.epoch, 'the leader was not among them')
    return { touches: [], facts: { 'changes of the leader': after.leadership.epoch - before.leadership.epoch } }
  })
}

/** Every member of the store is killed and stays away for so long. */
export function storeGone(bed: WatchedCluster, goneMs: number): Promise<Verdict> {
  return bed.during(async (writer) => {
    const pids = bed.cluster.etcd.pids
    await bed.cluster.etcd.kill()
    const goneAt = Date.now()
    const written = writer.acknowledged.length
    await pause(goneMs)
    meant(pids.length === 3 && pids.every((pid) => processStat(pid) === null), 'a member of the store lives')
    meant(writer.acknowledged.length === written, 'somebody wrote all the same')
    await bed.cluster.etcd.start()
    return { touches: [], facts: { 'without the store for s': (Date.now() - goneAt) / 1_000 } }
  })
}

/** A container of `web` on an agent's machine dies and is started again by its agent, which has no server. */
async function crashOne(bed: WatchedCluster): Promise<Host> {
  for (const host of bed.agents) {
    const [victim] = (await runningContainers([host])).filter(({ service }) => service === 'web')
    if (victim === undefined) continue
    await host.run(['kill', '-9', String(victim.pid)])
    await until(
      () => runningContainers([host]),
      (all) => all.some(({ id, pid }) => id === victim.id && pid !== victim.pid),
      BACK_MS,
    )
    return host
  }
  throw new Error('no agent runs a container of web')
}

async function leading(
  bed: WatchedCluster,
): Promise<{ readonly leader: Host; readonly program: LabProcess; readonly epoch: number }> {
  const { leadership } = await bed.cluster.view()
  const leader = await bed.cluster.leader()
  const program = leader.gantryProcess
  if (program === null) throw new Error(`${leader.name} runs no server`)
  meant(reignOf(program, leadership.epoch)?.until === null, `${leader.name} itself does not say that it leads`)
  return { leader, program, epoch: leadership.epoch }
}

function nextLeader({ since }: { readonly since: number }, at: number): Verdict['facts'] {
  return { 'next leader after s': (since - at) / 1_000 }
}

/** Resolves when a server other than this one leads in a later epoch, with the moment. */
async function takenOver(bed: WatchedCluster, old: Host, epoch: number): Promise<{ readonly since: number }> {
  const other = bed.cluster.servers.find((server) => server !== old)
  if (other === undefined) throw new Error('there is one server only')
  const { leadership } = await until(
    () => bed.cluster.client(other).cluster(),
    (view) => view.leadership.epoch > epoch && view.leadership.holder !== old.name,
    TAKEN_OVER_MS,
  )
  return leadership
}

/** Resolves when all of `web` is ready on other machines, with the last start that this took, by the engines' word. */
async function movedFrom(bed: WatchedCluster, victim: Host, since: number, still: Host | null = null): Promise<number> {
  const witness = bed.cluster.servers.find(
    (server) => server !== victim && server !== still && server.gantryProcess?.isRunning,
  )
  const client = bed.cluster.client(witness)
  const id = (await client.cluster()).nodes.find(({ name }) => name === victim.name)?.id
  await until(
    () => client.tasks({ service: 'web', all: false }),
    (tasks) => tasks.length === WEB_REPLICAS && tasks.every(({ ready: isReady, node }) => isReady && node !== id),
    MOVED_MS,
  )
  const starts = runsOf(bed.events.events).filter(({ service, from }) => service === 'web' && from >= since)
  meant(starts.length > 0, `${victim.name} ran nothing that could be moved`)
  return Math.max(...starts.map(({ from }) => from))
}

async function ready(bed: WatchedCluster, host: Host): Promise<void> {
  await until(
    () => bed.cluster.client(host).cluster(),
    ({ nodes }) => nodes.every(({ status }) => status === 'ready'),
    BACK_MS,
  )
}

function reignOf(program: LabProcess, epoch: number): Reign | undefined {
  return reignsOf(program).find((reign) => reign.epoch === epoch)
}

/** A fault that fell elsewhere proves nothing. */
function meant(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(`the fault did not fall where it was meant to: ${otherwise}`)
}

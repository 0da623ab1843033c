import { setTimeout as pause } from 'node:timers/promises'
import type { EngineEvents } from './engine-events.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { type ContainerEvent, runsOf } from './runs.ts'

export const REPLICAS = 12
const MOVED_WITHIN_MS = 300_000
const LOOK_MS = 20

/** What keeps replicas running on the hosts of a lab, so that faults can be put to it. */
export interface Contender {
  readonly name: string
  readonly lab: Lab
  /** Whether a container is one of its replicas, by the labels that the engine tells. */
  owns(event: ContainerEvent): boolean
  /** Lets all nodes take new tasks, or only this one. What runs stays where it is. */
  accept(only: Host | null): Promise<void>
  /** Begins to deploy the replicas, without a health check. */
  deploy(): Promise<void>
  /** Takes the replicas away; resolves when no engine has any of them. */
  clear(): Promise<void>
  /** Where its leader is. */
  leader(): Promise<Host>
  /** Starts what the contender needs on a host that is on again. */
  back(host: Host): Promise<void>
  /** Resolves when every node can take tasks and every server takes part. */
  whole(): Promise<void>
}

export interface Trial {
  /** From the fault to the start of the last replacement, by the engines' clocks, which are one. */
  readonly lastMs: number
  readonly firstMs: number
}

/** All replicas run on one host, which loses its power: until as many run elsewhere. Everything is as before afterwards. */
export async function loseHost(
  contender: Contender,
  events: EngineEvents,
  victim: Host,
  settleMs: number,
  others: readonly Contender[] = [],
): Promise<Trial> {
  const began = Date.now()
  await contender.accept(victim)
  await contender.deploy()
  await replicas(contender, events, began, ({ host }) => host === victim.name)
  await contender.accept(null)
  // Whoever asks at intervals is met at any moment between two of them.
  await pause(settleMs)
  const at = Date.now()
  await victim.powerOff()
  events.powerLost(victim, Date.now())
  const starts = await replicas(contender, events, at, ({ host }) => host !== victim.name)
  await victim.powerOn()
  for (const one of [contender, ...others]) await one.back(victim)
  for (const one of [contender, ...others]) await one.whole()
  await contender.clear()
  return { lastMs: Math.max(...starts) - at, firstMs: Math.min(...starts) - at }
}

/** The main process of one replica is killed with signal 9: until there are as many again. */
export async function crashReplica(contender: Contender, events: EngineEvents): Promise<Trial> {
  const began = Date.now()
  await contender.deploy()
  await replicas(contender, events, began, () => true)
  await pause(2_000)
  const [victim] = runsOf(events.events.filter((event) => contender.owns(event))).filter(
    ({ from, until }) => from >= began && until === Number.POSITIVE_INFINITY,
  )
  const host = contender.lab.hosts.find(({ name }) => name === victim?.host)
  const pid = (await host?.containers())?.find(({ id }) => id === victim?.id)?.pid ?? 0
  if (host === undefined || pid === 0) throw new Error('no replica runs')
  const at = Date.now()
  await host.run(['kill', '-9', String(pid)])
  const [start = Number.NaN] = await startsAfter(contender, events, at, 1, () => true)
  await contender.clear()
  return { lastMs: start - at, firstMs: start - at }
}

/** Resolves with the starts of those that run, when all replicas run at places that count. */
function replicas(
  contender: Contender,
  events: EngineEvents,
  since: number,
  counts: (place: { readonly host: string }) => boolean,
): Promise<number[]> {
  return startsAfter(contender, events, since, REPLICAS, counts)
}

async function startsAfter(
  contender: Contender,
  events: EngineEvents,
  since: number,
  wanted: number,
  counts: (place: { readonly host: string }) => boolean,
): Promise<number[]> {
  for (const deadline = Date.now() + MOVED_WITHIN_MS; Date.now() < deadline; await pause(LOOK_MS)) {
    const runs = runsOf(events.events.filter((event) => event.kind === 'power-lost' || contender.owns(event)))
    const running = runs.filter((run) => run.until === Number.POSITIVE_INFINITY && run.from >= since && counts(run))
    if (running.length >= wanted) return running.map(({ from }) => from)
  }
  throw new Error(`${contender.name}: not all of ${wanted} replicas run after ${MOVED_WITHIN_MS / 1_000} s`)
}

import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { Session } from '../src/agent/session.ts'
import type { Assignment } from '../src/core/model/message.ts'
import type { TaskStatus } from '../src/core/model/task.ts'
import { heartbeatFor, VIGILANCES } from '../src/core/node/vigilance.ts'
import { systemClock } from '../src/drivers/clock.ts'
import { dialLink } from '../src/drivers/link/dial.ts'
import type { Authority } from '../src/drivers/pki/authority.ts'
import type { StoredIdentity } from '../src/drivers/pki/identity-files.ts'
import { mutualTls } from '../src/drivers/pki/mutual-tls.ts'
import { systemRng } from '../src/drivers/rng.ts'
import { idleCalls } from '../test/link-bed.ts'
import { BEAT_BYTES, CLUSTER, certify, type FleetNews, type FleetOrder, helloOf } from './agents-frame.ts'

/** Many agents in one process, each with a certificate, a link and a session of its own: `<authority> <first id> <count> <agents in all>`. */
const [authorityFile = '', first = '1', count = '0', all = '0'] = process.argv.slice(2)
const authority = JSON.parse(readFileSync(authorityFile, 'utf8')) as Authority
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const clock = systemClock()
const rng = systemRng()
/** Of the first heartbeats: the server says how often. */
const { heartbeatMs } = VIGILANCES.normal
/** Bare connections say as often as agents of so many that they are there. */
const bareBeatMs = heartbeatFor(VIGILANCES.normal, Number(all))
/** As agents have it, see src/agent/session.ts. */
const PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000

class FakeAgent {
  readonly #id: number
  readonly #identity: StoredIdentity
  readonly #held = new Map<string, TaskStatus>()
  #session: Session | null = null
  #bareFailures = 0
  servedAt: number | null = null
  bareAt: number | null = null

  constructor(id: number, identity: StoredIdentity) {
    this.#id = id
    this.#identity = identity
  }

  join(linkPort: number): void {
    const link = dialLink({
      servers: () => [`127.0.0.1:${linkPort}`],
      identity: () => ({ clusterId: CLUSTER, files: this.#identity }),
      rng,
      heartbeatMs,
    })
    this.#session = new Session({
      clock,
      rng,
      log: SILENT,
      link,
      calls: idleCalls(),
      hello: () => helloOf(this.#id),
      onAssignment: (assignment) => this.#obey(assignment),
      onRenewed: () => undefined,
      onTrust: () => undefined,
      onRefused: () => undefined,
    })
    this.#session.start()
  }

  /** Says that its task is ready, or no more. */
  report(): void {
    for (const [id, status] of this.#held) this.#held.set(id, { ...status, ready: !status.ready })
    this.#tell()
  }

  bare(port: number): void {
    const socket = connect({ ...mutualTls(this.#identity), host: '127.0.0.1', port })
    const beats = setInterval(() => socket.write(Buffer.alloc(BEAT_BYTES)), bareBeatMs)
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', () => undefined)
    socket.once('secureConnect', () => {
      this.#bareFailures = 0
      this.bareAt ??= Date.now()
    })
    socket.once('close', () => {
      clearInterval(beats)
      this.#bareFailures += 1
      const longest = Math.min(PAUSE_MS * 2 ** this.#bareFailures, LONGEST_PAUSE_MS)
      setTimeout(() => this.bare(port), PAUSE_MS + rng.below(longest))
    })
  }

  #obey({ tasks }: Assignment): void {
    this.servedAt ??= Date.now()
    for (const { id, status } of tasks) {
      if (this.#held.has(id)) continue
      const at = Date.now()
      const begun = { prepared: true, ready: true, startedAt: at, readyAt: at, containerId: `container-of-${id}` }
      this.#held.set(id, { ...status, ...begun, state: 'running' })
    }
    this.#tell()
  }

  #tell(): void {
    this.#session?.report([...this.#held].map(([taskId, status]) => ({ taskId, status })))
  }
}

const agents: FakeAgent[] = []
for (let n = 0; n < Number(count); n++) {
  const id = Number(first) + n
  agents.push(new FakeAgent(id, await certify(authority, 'agent', id)))
}
const tell = (): void => {
  const times = (of: (agent: FakeAgent) => number | null): number[] =>
    agents.map(of).filter((at): at is number => at !== null)
  const news: FleetNews = {
    ready: true,
    served: times(({ servedAt }) => servedAt),
    bareOpen: times(({ bareAt }) => bareAt),
  }
  process.send?.(news)
}
process.on('message', (order: FleetOrder) => {
  if (order.do === 'tell') tell()
  for (const agent of agents) {
    if (order.do === 'forget') agent.servedAt = agent.bareAt = null
    if (order.do === 'report' && rng.next() < order.part) setTimeout(() => agent.report(), rng.below(order.overMs))
    if (order.do !== 'join') continue
    // One after the other: how long each takes, and what it costs, is the server's.
    setTimeout(() => agent.join(order.linkPort), rng.below(order.overMs))
    setTimeout(() => agent.bare(order.barePort), order.overMs + rng.below(order.overMs))
  }
})
tell()

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { heartbeatFor, VIGILANCES } from '../src/core/node/vigilance.ts'
import { createAuthority } from '../src/drivers/pki/authority.ts'
import { freePort } from '../test/free-port.ts'
import { CLUSTER, certify, type Figures, type FleetNews, type FleetOrder } from './agents-frame.ts'
import { type BenchResult, type Measured, quantile, type Spread, show, spread } from './frame.ts'

const AGENTS = Number(process.env['GANTRY_BENCH_AGENTS'] ?? 5_000)
const FLEETS = 2
const ROUNDS = 7
const WINDOW_MS = 6_000
const STORMS = 3
/** In a second, when they are all started. */
const STARTS = 200
const BURST_OVER_MS = 3_000
/** Each agent has something new to say so often while nothing unusual happens. */
const NEWS_EVERY_MS = 300_000
/** Of one core, for heartbeats and for what changes day by day. */
const CPU_GOAL = 5
/** Of what bare connections take. */
const MEMORY_GOAL = 2
const STORM_GOAL = 2
const JOIN_WITHIN_MS = 900_000
const LOOK_MS = 200

/**
 * Simulated agents, each with a certificate, a connection and a session of its own, on one server process with SQLite. Peer: bare
 * connections with the same certificates, over which as many bytes go there and back.
 */
export async function run(): Promise<readonly BenchResult[]> {
  const bed = await Bed.open()
  try {
    const joined = await bed.connect()
    const heartbeats = await bed.idle(0)
    const news = await bed.idle(WINDOW_MS / NEWS_EVERY_MS)
    const burst = await bed.burst()
    const storms: Pair[] = []
    for (let n = 0; n < STORMS; n++) storms.push(await bed.storm())
    return [
      result('agents-join', 'ms of CPU/agent', [joined.cpu]),
      result('agents-heartbeats', '% of a core', heartbeats, cheap),
      result('agents-news', '% of a core', news, cheap),
      result('agents-reports', 'µs of CPU/report', burst),
      result('agents-memory', 'KiB/agent', [joined.memory], (_, ratio) => ({
        met: ratio.median <= MEMORY_GOAL,
        goal: `ratio at most ${MEMORY_GOAL}`,
      })),
      result('agents-storm', 's', storms, (_, ratio) => ({
        met: ratio.median <= STORM_GOAL,
        goal: `ratio at most ${STORM_GOAL}`,
      })),
    ]
  } finally {
    await bed.close()
  }
}

function cheap(ours: Spread): Verdict {
  return { met: ours.median <= CPU_GOAL, goal: `at most ${CPU_GOAL} % of a core` }
}

type Verdict = Pick<BenchResult, 'met' | 'goal'>

interface Pair {
  readonly ours: Measured
  readonly peer: Measured
}

function result(
  name: string,
  unit: string,
  pairs: readonly Pair[],
  judge: (ours: Spread, ratio: Spread) => Verdict = () => ({ met: null, goal: '–' }),
): BenchResult {
  const rounds = pairs.map((pair) => ({ ...pair, ratio: pair.ours.value / pair.peer.value }))
  const [ours, peer] = [spread(pairs.map((one) => one.ours.value)), spread(pairs.map((one) => one.peer.value))]
  const ratio = spread(rounds.map((one) => one.ratio))
  const also = Object.fromEntries(
    Object.keys(pairs[0]?.ours.also ?? {}).map((key) => [
      key,
      spread(pairs.map((one) => one.ours.also?.[key] ?? Number.NaN)),
    ]),
  )
  const others = Object.entries(also).map(([key, values]) => `, ${key} ${show(values)}`)
  const text = `${show(ours)} against ${show(peer)} ${unit}: ratio ${show(ratio)}${others.join('')}`
  return { name, unit, rounds, ours, peer, ratio, also, ...judge(ours, ratio), text }
}

class Bed {
  readonly #directory: string
  readonly #ports: readonly [number, number]
  readonly #fleets: readonly ChildProcess[]
  link: ChildProcess
  bare: ChildProcess

  private constructor(
    directory: string,
    ports: readonly [number, number],
    fleets: readonly ChildProcess[],
    link: ChildProcess,
    bare: ChildProcess,
  ) {
    this.#directory = directory
    this.#ports = ports
    this.#fleets = fleets
    this.link = link
    this.bare = bare
  }

  static async open(): Promise<Bed> {
    const directory = mkdtempSync(join(tmpdir(), 'gantry-agents-'))
    const authority = await createAuthority(CLUSTER, Date.now())
    writeFileSync(join(directory, 'authority.json'), JSON.stringify(authority), { mode: 0o600 })
    writeFileSync(join(directory, 'server.json'), JSON.stringify(await certify(authority, 'server', AGENTS + 1)), {
      mode: 0o600,
    })
    const ports = [await freePort(), await freePort()] as const
    const each = Math.ceil(AGENTS / FLEETS)
    const fleets = Array.from({ length: FLEETS }, (_, i) =>
      start('agents-fleet', [
        join(directory, 'authority.json'),
        String(1 + i * each),
        String(Math.min(each, AGENTS - i * each)),
        String(AGENTS),
      ]),
    )
    const [link, bare] = [server('link', ports[0], directory), server('bare', ports[1], directory)]
    await Promise.all([...fleets, link, bare].map((child) => once(child, 'message')))
    return new Bed(directory, ports, fleets, link, bare)
  }

  /** What all agents cost that say hello, a few hundred in a second, and what they take when they are there. */
  async connect(): Promise<{ readonly cpu: Pair; readonly memory: Pair }> {
    const [link, bare] = await this.#ask()
    const overMs = (AGENTS / STARTS) * 1_000
    this.#tell({ do: 'join', linkPort: this.#ports[0], barePort: this.#ports[1], overMs })
    await this.#untilAll()
    // What follows on the arrivals is done.
    await pause(WINDOW_MS)
    const [linkAfter, bareAfter] = await this.#ask()
    const cpu = (before: Figures, after: Figures): Measured => ({
      value: (after.cpuMs - before.cpuMs) / AGENTS,
      also: {
        connections: after.taken,
        'of them ended': after.ended,
        'CPU in all, s': (after.cpuMs - before.cpuMs) / 1_000,
      },
    })
    const memory = (before: Figures, after: Figures): Measured => ({
      value: (after.rssBytes - before.rssBytes) / AGENTS / 1_024,
      also: { 'in all, MiB': after.rssBytes / 2 ** 20 },
    })
    return {
      cpu: { ours: cpu(link, linkAfter), peer: cpu(bare, bareAfter) },
      memory: { ours: memory(link, linkAfter), peer: memory(bare, bareAfter) },
    }
  }

  /** CPU of both servers while nothing moves but heartbeats, and of such a part of the agents a status. */
  async idle(part: number): Promise<Pair[]> {
    const pairs: Pair[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const used = await this.#cpuOver(() => {
        if (part > 0) this.#tell({ do: 'report', overMs: WINDOW_MS, part })
        return pause(WINDOW_MS)
      })
      pairs.push({
        ours: { value: (100 * used.ours) / used.passedMs, also: { 'connections lost': used.lost } },
        peer: { value: (100 * used.peer) / used.passedMs },
      })
    }
    return pairs
  }

  /** CPU for each change of a status when all have one at once, beyond the heartbeats; the peer is what a bare connection pays for a heartbeat. */
  async burst(): Promise<Pair[]> {
    const pairs: Pair[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const idle = await this.#cpuOver(() => pause(BURST_OVER_MS + 1_000))
      const busy = await this.#cpuOver(async () => {
        this.#tell({ do: 'report', overMs: BURST_OVER_MS, part: 1 })
        await pause(BURST_OVER_MS + 1_000)
      })
      const beats = (AGENTS * idle.passedMs) / heartbeatFor(VIGILANCES.normal, AGENTS)
      const more = busy.ours - (idle.ours * busy.passedMs) / idle.passedMs
      pairs.push({ ours: { value: (1_000 * more) / AGENTS }, peer: { value: (1_000 * idle.peer) / beats } })
    }
    return pairs
  }

  /** Both servers are killed and started again: until every agent has its assignment, and until every bare connection is open. */
  async storm(): Promise<Pair> {
    const ours = await this.#restart('link')
    const peer = await this.#restart('bare')
    return { ours, peer }
  }

  async #restart(kind: 'link' | 'bare'): Promise<Measured> {
    const gone = once(this[kind], 'exit')
    this[kind].kill('SIGKILL')
    await gone
    this.#tell({ do: 'forget' })
    const began = Date.now()
    const child = server(kind, this.#ports[kind === 'link' ? 0 : 1], this.#directory)
    this[kind] = child
    const up = once(child, 'message')
    let [peakCores, peakMib, before, at] = [0, 0, cpuMsOf(child), performance.now()]
    const look = setInterval(() => {
      const [now, then] = [cpuMsOf(child), performance.now()]
      peakCores = Math.max(peakCores, (now - before) / (then - at))
      peakMib = Math.max(peakMib, rssMibOf(child))
      ;[before, at] = [now, then]
    }, LOOK_MS)
    const times = (await this.#untilAll(kind)).map((time) => (time - began) / 1_000).sort((a, b) => a - b)
    clearInterval(look)
    await up
    const { cpuMs, taken } = await ask(child)
    const also = {
      'the first, s': times[0] ?? Number.NaN,
      'half of them, s': quantile(times, 0.5),
      'most in a second': most(times),
      connections: taken,
      'CPU in all, s': cpuMs / 1_000,
      'peak CPU, cores': peakCores,
      'peak memory, MiB': peakMib,
    }
    return { value: times.at(-1) ?? Number.NaN, also }
  }

  /** When each was back. */
  async #untilAll(kind: 'link' | 'bare' | 'both' = 'both'): Promise<number[]> {
    for (const until = performance.now() + JOIN_WITHIN_MS; performance.now() < until; ) {
      const news = await Promise.all(this.#fleets.map((fleet) => ask<FleetNews>(fleet, { do: 'tell' })))
      const [served, open] = [news.flatMap((one) => one.served), news.flatMap((one) => one.bareOpen)]
      const [first, second] = kind === 'link' ? [served, served] : kind === 'bare' ? [open, open] : [served, open]
      if (first.length >= AGENTS && second.length >= AGENTS) return first
      await pause(LOOK_MS)
    }
    throw new Error('not all agents are back in time')
  }

  async #cpuOver(work: () => Promise<void>): Promise<{ ours: number; peer: number; lost: number; passedMs: number }> {
    const began = performance.now()
    const [ours, peer] = await this.#ask()
    await work()
    const [oursAfter, peerAfter] = await this.#ask()
    const passedMs = performance.now() - began
    const lost = oursAfter.ended - ours.ended
    return { ours: oursAfter.cpuMs - ours.cpuMs, peer: peerAfter.cpuMs - peer.cpuMs, lost, passedMs }
  }

  #ask(): Promise<[Figures, Figures]> {
    return Promise.all([ask(this.link), ask(this.bare)])
  }

  #tell(order: FleetOrder): void {
    for (const fleet of this.#fleets) fleet.send(order)
  }

  async close(): Promise<void> {
    const children = [...this.#fleets, this.link, this.bare]
    const ended = children.map((child) => once(child, 'exit'))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(ended)
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function server(kind: 'link' | 'bare', port: number, directory: string): ChildProcess {
  const files = [join(directory, 'server.json'), join(directory, 'state.db')]
  return start('agents-server', [kind, String(port), ...files, String(AGENTS)])
}

function start(program: string, args: readonly string[]): ChildProcess {
  const child = fork(`bench/${program}.ts`, args)
  child.once('exit', (code) => {
    if (code !== null) process.stderr.write(`${program} ended with ${code}\n`)
  })
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

async function ask<T = Figures>(child: ChildProcess, order: unknown = {}): Promise<T> {
  const answer = once(child, 'message') as Promise<[T]>
  child.send(order as object)
  return (await answer)[0]
}

/** Of sorted times in seconds, as many as fall into one second. */
function most(times: readonly number[]): number {
  let from = 0
  let count = 0
  for (const [i, time] of times.entries()) {
    while (time - (times[from] ?? time) > 1) from += 1
    count = Math.max(count, i - from + 1)
  }
  return count
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Of the whole process, in ticks of a hundredth of a second. */
function cpuMsOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function rssMibOf({ pid }: ChildProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
}

import type { HealthCheck, Port, RuntimeKind, ServiceSpec } from '../../src/core/model/service.ts'
import type { Rng } from '../../src/lib/rng.ts'
import { aService } from '../builders.ts'
import { type Program, programCommand, programOf } from './program.ts'

/** What becomes of a service's tasks once nothing goes wrong any more. */
export type Fate =
  /** Runs and is ready. */
  | 'serves'
  /** Ends with success. */
  | 'completes'
  /** Runs, or has ended and stays so: its policy forbids to try again. */
  | 'either'
  /** Fails again and again. */
  | 'never'

interface Template {
  /** Whether it can never work. */
  readonly fails?: true
  readonly weight: number
  readonly make: (rng: Rng) => { program?: Partial<Program>; spec?: Partial<ServiceSpec>; image?: string }
}

const RETRYING = ['always', 'on-failure', 'unless-stopped'] as const

const TEMPLATES: readonly Template[] = [
  { weight: 8, make: (rng) => ({ program: { servesAfterMs: rng.below(800) }, spec: { inspect: ['print', 'fine'] } }) },
  {
    weight: 2,
    make: (rng) => ({ program: { stopsAfterMs: rng.chance(0.5) ? null : 300 + rng.below(3_000) } }),
  },
  {
    weight: 3,
    make: (rng) => ({
      program: { endsAfterMs: 100 + rng.below(2_500), exitCode: rng.pick([1, 3, 137]), endingRuns: 1 + rng.below(3) },
    }),
  },
  {
    weight: 1,
    make: () => ({
      program: { servesAfterMs: null },
      spec: { repair: ['repair', 'well'], health: { ...FAST_CHECK, kind: 'command', argv: ['healthy'] } },
    }),
  },
  {
    weight: 2,
    make: (rng) => ({
      program: { endsAfterMs: 200 + rng.below(6_000) },
      spec: { mode: 'job', replicas: 1, restart: 'on-failure', health: null },
    }),
  },
  {
    weight: 1,
    make: (rng) => ({
      program: { endsAfterMs: rng.chance(0.5) ? null : 1_000 + rng.below(5_000), exitCode: rng.below(2) },
      spec: { restart: 'no', health: null },
    }),
  },
  {
    fails: true,
    weight: 2,
    make: (rng) => ({
      program: { endsAfterMs: 50 + rng.below(900), exitCode: rng.below(2) },
      spec: { restart: 'always' },
    }),
  },
  {
    fails: true,
    weight: 1,
    make: (rng) => ({
      program: { servesAfterMs: null },
      spec: {
        health: { ...FAST_CHECK, kind: 'command', argv: ['healthy'] },
        repair: rng.chance(0.5) ? ['repair', 'badly'] : null,
      },
    }),
  },
  { fails: true, weight: 1, make: (rng) => ({ image: rng.pick(['missing/image:1', 'refused/image:1']) }) },
]

const FAST_CHECK = { intervalMs: 1_000, timeoutMs: 500, retries: 2, startPeriodMs: 0 }

/** How a life draws its services. */
export interface Taste {
  readonly nodes: number
  /** Services that can never work are among them. */
  readonly withFailures: boolean
  /** Tasks are so large that not all fit at all times. */
  readonly tight: boolean
}

/** What becomes of the tasks of this spec, from what its program does and how it is to be restarted. */
export function fateOf({ mode, container, restart, health, repair }: ServiceSpec): Fate {
  if (container.image?.startsWith('missing/') || container.image?.startsWith('refused/')) return 'never'
  const { endsAfterMs, endingRuns, exitCode, servesAfterMs } = programOf(container)
  // A job is given up after some failures, whoever caused them.
  if (restart === 'no' || mode === 'job') return 'either'
  if (endsAfterMs !== null && endingRuns === null) {
    return exitCode === 0 && restart === 'on-failure' ? 'completes' : 'never'
  }
  return health !== null && servesAfterMs === null && repair?.[1] !== 'well' ? 'never' : 'serves'
}

const NAMES = ['web', 'api', 'db', 'cache', 'edge', 'batch', 'mail']

/** Services as some user might declare them: mostly sound, some not. */
export function randomServices(rng: Rng, taste: Taste): Record<string, ServiceSpec> {
  const services: Record<string, ServiceSpec> = {}
  const count = 1 + rng.below(4)
  for (let i = 0; i < count; i++) {
    const name = rng.pick(NAMES)
    services[name] = randomService(name, rng, taste)
  }
  return services
}

/** Another version of a manifest: services changed, added and taken out. */
export function changedServices(
  before: Readonly<Record<string, ServiceSpec>>,
  rng: Rng,
  taste: Taste,
): Record<string, ServiceSpec> {
  const services: Record<string, ServiceSpec> = {}
  for (const [name, spec] of Object.entries(before)) {
    const what = rng.below(10)
    if (what === 0) continue
    if (what <= 3) services[name] = spec
    else if (what <= 6) services[name] = { ...spec, container: withVariable(spec, rng) }
    else if (what === 7 && spec.mode === 'replicated')
      services[name] = { ...spec, replicas: replicasFor(spec, rng, taste) }
    else if (what === 8) services[name] = alone({ ...spec, update: randomUpdate(rng) })
    else services[name] = randomService(name, rng, taste)
  }
  if (rng.chance(0.3)) {
    const name = rng.pick(NAMES)
    services[name] ??= randomService(name, rng, taste)
  }
  return services
}

/** A service of any kind that this taste allows. */
export function randomService(name: string, rng: Rng, taste: Taste): ServiceSpec {
  const template = drawTemplate(rng, taste)
  const { program = {}, spec = {}, image } = template.make(rng)
  const kind: RuntimeKind = image === undefined && rng.chance(0.4) ? 'process' : 'docker'
  const ports = randomPorts(name, rng)
  const base = aService({
    name,
    mode: rng.chance(0.15) ? 'global' : 'replicated',
    container: {
      image: kind === 'process' ? null : (image ?? rng.pick(['present/web:1', `example/${name}:${rng.below(3)}`])),
      command: programCommand(program),
      ports,
      stopGraceMs: 500 + rng.below(3_000),
    },
    restart: rng.pick(RETRYING),
    health: ports.length > 0 && rng.chance(0.5) ? randomCheck(rng) : null,
    update: randomUpdate(rng),
    ...drawExclusive(rng),
    resources: taste.tight
      ? { cpuMillis: 500 * rng.below(4), memoryBytes: 0, diskBytes: 0 }
      : { cpuMillis: 20 * rng.below(4), memoryBytes: 0, diskBytes: 0 },
  })
  const whole = alone({ ...base, ...spec })
  return { ...whole, replicas: initialReplicas(whole, rng, taste) }
}

function drawExclusive(rng: Rng): Pick<ServiceSpec, 'exclusive' | 'leaseMs'> {
  const exclusive = rng.chance(0.12)
  return { exclusive, leaseMs: exclusive && rng.chance(0.5) ? rng.pick([10_000, 12_000, 20_000]) : null }
}

/** An exclusive service stops first: the loader sees to that. */
function alone(spec: ServiceSpec): ServiceSpec {
  return spec.exclusive ? { ...spec, update: { ...spec.update, order: 'stop-first' } } : spec
}

function initialReplicas(spec: ServiceSpec, rng: Rng, taste: Taste): number {
  if (spec.mode === 'replicated') return replicasFor(spec, rng, taste)
  return spec.mode === 'job' ? 1 : 0
}

function drawTemplate(rng: Rng, { withFailures }: Taste): Template {
  const possible = TEMPLATES.filter(({ fails }) => withFailures || !fails)
  let draw = rng.below(possible.reduce((sum, { weight }) => sum + weight, 0))
  for (const template of possible) {
    draw -= template.weight
    if (draw < 0) return template
  }
  throw new Error('weights do not add up')
}

/** The second digit keeps fixed ports of different services apart. */
function randomPorts(name: string, rng: Rng): Port[] {
  const draw = rng.below(10)
  if (draw < 4) return []
  if (draw < 8) return [{ container: 80, host: null, protocol: 'tcp' }]
  return [{ container: 80, host: 8_000 + NAMES.indexOf(name), protocol: 'tcp' }]
}

function randomCheck(rng: Rng): HealthCheck {
  return {
    kind: 'tcp',
    port: 80,
    intervalMs: 500 + rng.below(2_000),
    timeoutMs: 300,
    retries: 2 + rng.below(2),
    startPeriodMs: 0,
  }
}

function randomUpdate(rng: Rng): ServiceSpec['update'] {
  return { order: rng.chance(0.5) ? 'stop-first' : 'start-first', parallelism: 1 + rng.below(2) }
}

function withVariable(spec: ServiceSpec, rng: Rng): ServiceSpec['container'] {
  return { ...spec.container, env: { VERSION: String(rng.below(1_000)) } }
}

/** A fixed host port has room for one task on each node, and a rollout that starts first needs one more. */
function replicasFor(spec: ServiceSpec, rng: Rng, { nodes }: Taste): number {
  const fixed = spec.container.ports.some(({ host }) => host !== null)
  return fixed ? Math.max(1, rng.below(nodes)) : 1 + rng.below(4)
}

import { createRng } from '../../src/lib/rng.ts'
import type { ContainerOrder, Runtime } from '../../src/ports/runtime.ts'
import { aContainer } from '../builders.ts'
import type { ExecProgram, OrderOptions, Program, RuntimeUnderTest } from '../contract/runtime-under-test.ts'
import { VirtualClock } from './clock.ts'
import { type Machine, SimEngine } from './engine.ts'
import { Faults } from './faults.ts'
import { Mortal } from './mortal.ts'
import { programCommand, type Program as Simulated } from './program.ts'
import { SimRuntime } from './runtime.ts'

/** A machine with nothing on it but this runtime, for the contract. */
export function simulatedRuntime(kind: 'docker' | 'process'): RuntimeUnderTest {
  const clock = new VirtualClock()
  const rng = createRng(1)
  const machine: Machine = { name: 'node-1', containers: new Map(), clock, rng, observe: () => undefined, skewMs: 0 }
  const engine = new SimEngine(kind, machine)
  let services = 0
  const open = (cluster: string): Runtime =>
    new SimRuntime({ engine, cluster, user: new Mortal('agent', clock), rng, faults: new Faults() })
  const settle = async <T>(work: Promise<T>): Promise<T> => {
    let done = false
    const ended = (): void => {
      done = true
    }
    work.then(ended, ended)
    await clock.runUntil(clock.now() + 120_000, () => !done)
    return work
  }
  return {
    runtime: open('ours'),
    reopen: async () => open('ours'),
    stranger: async () => open('theirs'),
    order: (program, options = {}) => {
      services += 1
      return orderOf(program, options, `service-${services}`)
    },
    argv: argvOf,
    images: { present: 'present/image:1', missing: 'missing/image:1' },
    freePort: async () => 30_000,
    now: () => clock.now(),
    settle,
    until: async (condition) => {
      for (let tries = 0; tries < 10_000; tries++) {
        if (await settle(Promise.resolve(condition()))) return
        await clock.runUntil(clock.now() + 10, () => true)
      }
      throw new Error('it did not happen')
    },
    close: async () => undefined,
  }
}

function orderOf(program: Program, options: OrderOptions, name: string): ContainerOrder {
  const { service = name, attempt = 1, spec, hostPorts = [] } = options
  const command = programCommand(simulated(program))
  return {
    taskId: `${service}.1.${attempt}`,
    service,
    slot: 1,
    attempt,
    specHash: 'v1',
    spec: aContainer({ image: 'present/image:1', command, ...spec }),
    hostPorts,
    memoryBytes: null,
  }
}

function simulated(program: Program): Partial<Simulated> {
  switch (program.kind) {
    case 'serve':
      return {}
    case 'stubborn':
      return { stopsAfterMs: null, signals: { [program.signal]: program.code } }
    case 'exit':
      return { endsAfterMs: 1, exitCode: program.code }
    case 'print':
      return { prints: program.lines, endsAfterMs: program.afterwards === 'exit' ? 1 : null }
    case 'print-long':
      return { prints: [{ stream: 'stdout', text: 'x'.repeat(program.length) }], endsAfterMs: 1 }
    case 'print-variable':
      return { prints: [{ stream: 'stdout', text: `$${program.name}` }], endsAfterMs: 1 }
  }
}

function argvOf(program: ExecProgram): readonly string[] {
  switch (program.kind) {
    case 'exit':
      return ['exit', String(program.code)]
    case 'print':
      return ['print', program.out, program.err]
    case 'print-variable':
      return ['print-variable', program.name]
    default:
      return [program.kind]
  }
}

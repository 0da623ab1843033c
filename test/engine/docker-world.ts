import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { taskId } from '../../src/core/model/ids.ts'
import { DockerRuntime } from '../../src/drivers/docker/runtime.ts'
import { readProc } from '../../src/drivers/process/proc.ts'
import type { Log } from '../../src/ports/log.ts'
import type { ContainerOrder } from '../../src/ports/runtime.ts'
import { aContainer } from '../builders.ts'
import type { ExecProgram, OrderOptions, Program, RuntimeUnderTest } from '../contract/runtime-under-test.ts'
import { freePort } from '../free-port.ts'
import { BUSYBOX_IMAGE } from './images.ts'

const FOREVER = 'while :; do sleep 1000 & wait $!; done'
const SERVE = 'trap "exit 0" TERM'
const UNTIL_MS = 60_000
const SIGTERM_BIT = 1n << 14n
const SIGUSR1_BIT = 1n << 9n

const SILENT: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore }

/** A world of containers in a real engine: each has a cluster of its own, and leaves no container behind. */
export class DockerWorld implements RuntimeUnderTest {
  readonly images = { present: BUSYBOX_IMAGE, missing: '127.0.0.1:9/no/such-image:1' }
  readonly runtime: DockerRuntime
  readonly dataDir: string
  readonly clusterId: string
  readonly #host: string
  readonly #opened: DockerRuntime[] = []
  readonly #programs = new Map<string, Program>()
  #newest: DockerRuntime

  private constructor(host: string, dataDir: string) {
    this.#host = host
    this.dataDir = dataDir
    this.clusterId = randomId()
    this.runtime = this.open(this.clusterId)
    this.#newest = this.runtime
  }

  static async open(host: string): Promise<DockerWorld> {
    return new DockerWorld(host, await mkdtemp(join(tmpdir(), 'gantry-data-')))
  }

  /** One that closes with the test that opened it. */
  static async forTest(host: string): Promise<DockerWorld> {
    const world = await DockerWorld.open(host)
    onTestFinished(() => world.close())
    return world
  }

  open(clusterId: string, host = this.#host): DockerRuntime {
    const runtime = new DockerRuntime({ clusterId, dataDir: this.dataDir, host, log: SILENT })
    this.#opened.push(runtime)
    return runtime
  }

  async reopen(): Promise<DockerRuntime> {
    this.#newest = this.open(this.clusterId)
    return this.#newest
  }

  async stranger(): Promise<DockerRuntime> {
    return this.open(randomId())
  }

  order(program: Program, { service, attempt = 1, spec = {}, hostPorts = [] }: OrderOptions = {}): ContainerOrder {
    const name = service ?? `service-${this.#programs.size + 1}`
    const id = taskId(name, 1, attempt)
    // Its first process is another one then, whose signals say nothing of the program.
    const isWrapped = spec.init === true || spec.entrypoint !== undefined || spec.command !== undefined
    this.#programs.set(id, isWrapped ? { kind: 'exit', code: 0 } : program)
    const command = ['sh', '-c', ...commandOf(program)]
    const whole = { ...BARE_SPEC, image: BUSYBOX_IMAGE, command, ...spec }
    const { memoryBytes } = whole.limits
    return {
      taskId: id,
      service: name,
      slot: 1,
      attempt,
      specHash: `hash-of-${name}`,
      spec: whole,
      hostPorts,
      memoryBytes,
    }
  }

  argv(program: ExecProgram): readonly string[] {
    switch (program.kind) {
      case 'exit':
        return ['sh', '-c', `exit ${program.code}`]
      case 'print':
        return ['sh', '-c', 'echo "$1"; echo "$2" >&2', 'sh', program.out, program.err]
      case 'is-terminal':
        return ['sh', '-c', '[ -t 0 ] || exit 3']
      case 'print-variable':
        return ['sh', '-c', `echo "$${program.name}"`]
      case 'cat':
      case 'wait':
        return ['cat']
    }
  }

  readonly freePort = freePort

  now(): number {
    return Date.now()
  }

  /** A program that has only begun is not yet prepared for signals: wait for that as for the work. */
  readonly settle = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work
    await this.until(async () =>
      (await this.#newest.list()).every(
        ({ taskId, pid }) => pid === null || isPrepared(pid, this.#programs.get(taskId)),
      ),
    )
    return result
  }

  readonly until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    for (const deadline = Date.now() + UNTIL_MS; !(await condition()); await pause(10)) {
      if (Date.now() > deadline) throw new Error('the condition does not come to hold')
    }
  }

  /** Creates and starts a container; resolves with its id. */
  async run(program: Program, options?: OrderOptions): Promise<string> {
    const id = await this.create(program, options)
    await this.settle(this.runtime.start(id))
    return id
  }

  create(program: Program, options?: OrderOptions): Promise<string> {
    return this.runtime.create(this.order(program, options), ignore, new AbortController().signal)
  }

  async close(): Promise<void> {
    for (const runtime of this.#opened) {
      for (const { id } of await runtime.list()) await runtime.remove(id)
      await runtime.close()
    }
    await rm(this.dataDir, { recursive: true, force: true })
  }
}

/** A spec that asks for nothing. */
export const BARE_SPEC = aContainer({ image: null, stopGraceMs: 10_000 })

function commandOf(program: Program): readonly string[] {
  switch (program.kind) {
    case 'serve':
      return [`${SERVE}; ${FOREVER}`]
    case 'stubborn':
      return [`trap "" TERM; trap "exit ${program.code}" USR1; ${FOREVER}`]
    case 'exit':
      return [`exit ${program.code}`]
    case 'print': {
      const prints = program.lines.map(
        ({ stream }, i) => `printf "%s\\n" "$${i + 1}"${stream === 'stderr' ? ' >&2' : ''}`,
      )
      const script = [SERVE, ...prints, program.afterwards === 'serve' ? FOREVER : 'exit 0'].join('\n')
      return [script, 'sh', ...program.lines.map(({ text }) => text)]
    }
    case 'print-long':
      return [`head -c ${program.length} /dev/zero | tr "\\0" x; echo`]
    case 'print-variable':
      return [`echo "$${program.name}"`]
  }
}

/** The kernel knows which signals a process is prepared for; a shell names the one that it waits for last. */
function isPrepared(pid: number, program: Program | undefined): boolean {
  if (program?.kind !== 'serve' && program?.kind !== 'stubborn') return true
  const awaited = program.kind === 'serve' ? SIGTERM_BIT : SIGUSR1_BIT
  const status = readProc(`${pid}/status`)
  // It has ended: nobody will send it anything.
  if (status === null) return true
  const [, caught = '0'] = /^SigCgt:\s*(\w+)/m.exec(status) ?? []
  return (BigInt(`0x${caught}`) & awaited) !== 0n
}

function randomId(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex')
}

function ignore(): void {
  // What the runtime logs is no part of the contract.
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { runtimeContract } from '../../../test/contract/runtime.contract.ts'
import type { ExecProgram, OrderOptions, Program, RuntimeUnderTest } from '../../../test/contract/runtime-under-test.ts'
import { freePort } from '../../../test/free-port.ts'
import { aProcessOrder, ProcessBed } from '../../../test/process-bed.ts'
import { taskId } from '../../core/model/ids.ts'
import { sleep } from '../../ports/clock.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import { systemClock } from '../clock.ts'
import type { ProcessRuntime } from './runtime.ts'

runtimeContract(async () => new World(), { images: 'processes have none' })

// Says that the program is ready for signals, in a file that bears its pid.
const UP = ': >"$HOME/up.$$"'
const SERVE = `trap "exit 0" TERM; ${UP}; while :; do sleep 600 & wait; done`

// A program that has ports must listen, or nobody could see that they are taken.
const LISTEN = [
  process.execPath,
  '-e',
  `process.on('SIGTERM', () => process.exit(0))
   const up = process.env.HOME + '/up.' + process.pid
   require('net').createServer().listen(process.env.PORT, '0.0.0.0', () => require('fs').writeFileSync(up, ''))`,
]

class World implements RuntimeUnderTest {
  readonly images = null
  readonly runtime: ProcessRuntime
  readonly #bed = new ProcessBed()
  readonly #clock = systemClock()
  readonly #answering = new Set<string>()
  #newest: ProcessRuntime
  #services = 0

  constructor() {
    this.runtime = this.#bed.runtime()
    this.#newest = this.runtime
  }

  async reopen(): Promise<ProcessRuntime> {
    this.#newest = this.#bed.runtime()
    return this.#newest
  }

  async stranger(): Promise<ProcessRuntime> {
    return this.#bed.runtime({ clusterId: 'feedface' })
  }

  order(program: Program, options: OrderOptions = {}): ContainerOrder {
    this.#services += 1
    const { service = `service-${this.#services}`, attempt = 1, spec = {}, hostPorts = [] } = options
    const id = taskId(service, 1, attempt)
    const command = hostPorts.length > 0 ? LISTEN : ['sh', '-c', scriptOf(program)]
    if (command.join().includes('/up.')) this.#answering.add(id)
    return aProcessOrder({ command, ...spec }, { taskId: id, service, attempt, hostPorts })
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
        return ['printenv', program.name]
      case 'cat':
      case 'wait':
        return ['cat']
    }
  }

  readonly freePort = freePort

  now(): number {
    return this.#clock.now()
  }

  /** A program that has only begun would die of the signals that it is to answer: wait for it as for the work. */
  readonly settle = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work
    await this.until(async () => {
      const running = (await this.#newest.list()).filter((found) => found.state === 'running')
      const awaited = running.filter((found) => this.#answering.has(found.taskId))
      const up = (id: string, pid: number | null): string =>
        join(this.#bed.dataDir, 'processes', id, 'cwd', `up.${pid}`)
      return awaited.every(({ id, pid }) => existsSync(up(id, pid)))
    })
    return result
  }

  readonly until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    const deadline = this.now() + 15_000
    while (!(await condition())) {
      if (this.now() > deadline) throw new Error('the condition does not come to hold')
      await sleep(this.#clock, 5)
    }
  }

  close(): Promise<void> {
    return this.#bed.close()
  }
}

function scriptOf(program: Program): string {
  switch (program.kind) {
    case 'serve':
      return SERVE
    case 'stubborn':
      return `trap "" TERM; trap "exit ${program.code}" USR1; ${UP}; while :; do sleep 600 & wait; done`
    case 'exit':
      return `exit ${program.code}`
    case 'print': {
      const line = ({ stream, text }: (typeof program.lines)[number]): string =>
        `printf '%s\\n' '${text}'${stream === 'stderr' ? ' >&2' : ''}`
      return [...program.lines.map(line), program.afterwards === 'serve' ? SERVE : 'exit 0'].join('\n')
    }
    case 'print-long':
      return `head -c ${program.length} /dev/zero | tr '\\0' x; echo`
    case 'print-variable':
      return `printenv ${program.name}`
  }
}

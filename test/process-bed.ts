import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContainerSpec } from '../src/core/model/service.ts'
import { systemClock } from '../src/drivers/clock.ts'
import { processStat } from '../src/drivers/process/proc.ts'
import { ProcessRuntime } from '../src/drivers/process/runtime.ts'
import type { LogLevel } from '../src/ports/log.ts'
import type { Container, ContainerOrder, LogLine, LogQuery } from '../src/ports/runtime.ts'
import { aContainer } from './builders.ts'

// Far more than any test needs, so that a busy machine is not taken for a fault.
const PATIENCE_MS = 8_000

export const CLUSTER_ID = 'c0ffee00c0ffee00'

const PLAIN_SPEC = aContainer({ image: null, command: ['sleep', '600'], stopGraceMs: 10_000 })

/** An order for a process; `script` is run by a shell. */
export function aProcessOrder(
  spec: Partial<ContainerSpec> & { readonly script?: string } = {},
  order: Partial<ContainerOrder> = {},
): ContainerOrder {
  const { script, ...rest } = spec
  const command = script === undefined ? {} : { command: ['sh', '-c', script] }
  return {
    taskId: 'web.1.1',
    service: 'web',
    slot: 1,
    attempt: 1,
    specHash: 'hash',
    hostPorts: [],
    memoryBytes: null,
    ...order,
    spec: { ...PLAIN_SPEC, ...command, ...rest },
  }
}

/** A data directory and the runtimes on it; `close` removes every process and file. */
export class ProcessBed {
  readonly dataDir: string
  readonly logged: { readonly level: LogLevel; readonly message: string; readonly fields: unknown }[] = []
  readonly #open: ProcessRuntime[] = []

  constructor(dataDir = mkdtempSync(join(tmpdir(), 'gantry-process-'))) {
    this.dataDir = dataDir
  }

  runtime(options: { clusterId?: string; cgroupRoot?: string; largestLogBytes?: number } = {}): ProcessRuntime {
    const note = (level: LogLevel) => (message: string, fields?: unknown) =>
      void this.logged.push({ level, message, fields })
    const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
    const clusterId = CLUSTER_ID
    const runtime = new ProcessRuntime({ clusterId, dataDir: this.dataDir, clock: systemClock(), log, ...options })
    this.#open.push(runtime)
    return runtime
  }

  async close(): Promise<void> {
    // The last object knows best what runs.
    for (const runtime of this.#open.reverse()) {
      for (const { id } of await runtime.list()) await runtime.remove(id)
      await runtime.close()
    }
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}

export function createProcess(runtime: ProcessRuntime, order: ContainerOrder): Promise<string> {
  return runtime.create(order, () => undefined, new AbortController().signal)
}

export async function startProcess(runtime: ProcessRuntime, order: ContainerOrder): Promise<string> {
  const id = await createProcess(runtime, order)
  await runtime.start(id)
  return id
}

/** The container once it is as asked for. Looks at each hint of the runtime, and at nothing else. */
export async function container(
  runtime: ProcessRuntime,
  id: string,
  isSo: (found: Container) => boolean,
): Promise<Container> {
  let hint = (): void => undefined
  const forget = runtime.watch(() => hint())
  try {
    return await withPatience(async () => {
      for (;;) {
        const hinted = new Promise<void>((resolve) => {
          hint = resolve
        })
        const found = await runtime.inspect(id)
        if (found !== null && isSo(found)) return found
        await hinted
      }
    }, `process ${id} is not as expected`)
  } finally {
    forget()
  }
}

export function exited(runtime: ProcessRuntime, id: string): Promise<Container> {
  return container(runtime, id, ({ state }) => state === 'exited')
}

/** Lines of a log until one satisfies the condition; all of them if none does. */
export function logLines(
  runtime: ProcessRuntime,
  id: string,
  query: Partial<LogQuery> = {},
  until: (line: LogLine) => boolean = () => false,
): Promise<LogLine[]> {
  const aborter = new AbortController()
  const whole = { follow: false, tail: null, since: null, ...query }
  return withPatience(async () => {
    const lines: LogLine[] = []
    for await (const line of runtime.logs(id, whole, aborter.signal)) {
      lines.push(line)
      if (until(line)) break
    }
    aborter.abort()
    return lines
  }, `the log of ${id} does not end`)
}

export async function logTexts(runtime: ProcessRuntime, id: string, query: Partial<LogQuery> = {}): Promise<string[]> {
  return (await logLines(runtime, id, query)).map(({ text }) => text)
}

/** Waits until the program has printed this line. */
export async function printed(runtime: ProcessRuntime, id: string, text: string): Promise<void> {
  const lines = await logLines(runtime, id, { follow: true }, (line) => line.text === text)
  if (lines.at(-1)?.text !== text) throw new Error(`${id} ended without printing ${text}`)
}

/** Whether no such process runs; it may wait for somebody to take note of its end. */
export function isGone(pid: number): boolean {
  return (processStat(pid)?.state ?? 'Z') === 'Z'
}

async function withPatience<T>(work: () => Promise<T>, complaint: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), PATIENCE_MS)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}

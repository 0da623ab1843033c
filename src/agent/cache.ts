import { OperationalError } from '../core/errors.ts'
import type { NodeId, TaskId } from '../core/model/ids.ts'
import type { Authority } from '../core/model/message.ts'
import type { Task } from '../core/model/task.ts'
import type { TaskRecord } from '../core/node/record.ts'
import { keptJson } from '../lib/kept-json.ts'
import type { DurableText } from '../ports/host.ts'

/** What must survive a restart of agent and machine without any server. */
export interface AgentState {
  readonly nodeId: NodeId | null
  /** null: it was written before machines had one. */
  readonly machineId: string | null
  /** The highest authority that was acted on; null: none yet. */
  readonly authority: Authority | null
  readonly tasks: readonly Task[]
  readonly records: ReadonlyMap<TaskId, TaskRecord>
}

const FORMAT = 1
const HINT = 'move the file away: the server tells the agent again what is to run, and containers keep running'

/** Reads what an earlier agent of this node left; null: there was none. Throws STORE_CORRUPT when it cannot be read. */
export async function readState(file: DurableText): Promise<AgentState | null> {
  const text = await file.read()
  if (text === null) return null
  const { nodeId, machineId = null, authority, tasks, records } = parse(text)
  return { nodeId, machineId, authority, tasks, records: new Map(records.map((record) => [record.taskId, record])) }
}

/** Writes the state; when it resolves it is durable. */
export function writeState(file: DurableText, state: AgentState): Promise<void> {
  const { nodeId, machineId, authority, tasks, records } = state
  const head = JSON.stringify({ format: FORMAT, nodeId, machineId, authority }).slice(0, -1)
  return file.write(`${head},"tasks":${printAll(tasks)},"records":${printAll([...records.values()])}}`)
}

/** A change is mostly of one task: the others keep their text. */
function printAll(items: readonly (Task | TaskRecord)[]): string {
  return `[${items.map(keptJson).join(',')}]`
}

interface Stored extends Omit<AgentState, 'records'> {
  readonly format: number
  readonly records: readonly TaskRecord[]
}

function parse(text: string): Stored {
  try {
    const stored = JSON.parse(text) as Stored
    if (stored.format === FORMAT && Array.isArray(stored.tasks) && Array.isArray(stored.records)) return stored
    throw new OperationalError('STORE_CORRUPT', `agent.json has format ${stored.format}, not ${FORMAT}`, { hint: HINT })
  } catch (error) {
    if (error instanceof OperationalError) throw error
    throw new OperationalError('STORE_CORRUPT', `agent.json is damaged: ${(error as Error).message}`, {
      hint: HINT,
      cause: error,
    })
  }
}

import { OperationalError } from '../core/errors.ts'
import type { NodeId } from '../core/model/ids.ts'
import type { NodeView, TaskView } from '../core/model/view.ts'
import type { Context } from './context.ts'
import { presenterFor } from './presenter.ts'
import { drainLines } from './render/drain.ts'

const POLL_MS = 200
/** A server that restarts, or another one that takes over, answers within that time. */
const PATIENCE_MS = 15_000
const INTERRUPTED = 130
const CALLED_OFF = 5

/** How a drain stands. null: there is no such node any more. */
interface Drain {
  readonly node: NodeView | null
  /** All tasks of the cluster that have not ended. */
  readonly tasks: readonly TaskView[]
}

/** Waits until a node that is drained is empty, showing what is left, and sets the exit code to the truth. */
export async function waitForDrain(id: NodeId, timeoutMs: number, context: Context): Promise<void> {
  const interrupted = new AbortController()
  const onInterrupt = (): void => interrupted.abort()
  process.once('SIGINT', onInterrupt)
  try {
    const drain = await follow(id, Date.now() + timeoutMs, interrupted.signal, context)
    conclude(id, drain, timeoutMs, interrupted.signal.aborted, context)
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

async function follow(id: NodeId, deadline: number, signal: AbortSignal, context: Context): Promise<Drain> {
  const show = presenterFor(context)
  for (let heardAt = Date.now(); ; ) {
    try {
      const drain = await look(id, context)
      heardAt = Date.now()
      const over = isOver(drain)
      show(drainLines(id, drain.tasks, context.err), over)
      if (over || signal.aborted || Date.now() >= deadline) return drain
    } catch (error) {
      const passing = error instanceof OperationalError && (error.code === 'UNAVAILABLE' || error.code === 'NOT_LEADER')
      if (!passing || Date.now() - heardAt > PATIENCE_MS) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

async function look(id: NodeId, context: Context): Promise<Drain> {
  const client = context.client()
  const [nodes, tasks] = await Promise.all([client.nodes(), client.tasks({ service: null, all: false })])
  return { node: nodes.find((node) => node.id === id) ?? null, tasks }
}

function isOver({ node }: Drain): boolean {
  return node === null || node.availability !== 'drain' || node.tasks === 0
}

function conclude(id: NodeId, { node, tasks }: Drain, timeoutMs: number, interrupted: boolean, context: Context): void {
  if (node === null || node.availability !== 'drain') {
    context.say(context.err.warning(`Node ${id} is ${node?.availability ?? 'gone'}: its drain was called off.`))
    context.exitCode = CALLED_OFF
  } else if (node.tasks === 0) {
    context.say(context.err.good(`Node ${id} is drained.`))
  } else {
    const left = tasks.filter((task) => task.node === id).length
    const why = interrupted ? 'Interrupted' : `Not empty within ${timeoutMs / 1_000} s`
    context.say(context.err.warning(`${why}: ${left === 1 ? '1 task is' : `${left} tasks are`} left on node ${id}.`))
    context.say(
      `It goes on by itself. Try: \`gantry explain node/${id}\`, \`gantry node activate ${id}\` to call it off`,
    )
    context.exitCode = interrupted ? INTERRUPTED : 1
  }
}

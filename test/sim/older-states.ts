import type { ChaosDeps } from './chaos.ts'
import type { SimContainer } from './container.ts'
import { CLUSTER_ID, type SimNode } from './node.ts'
import type { Shadow } from './shadow.ts'

/** What the end of a life works with whose state goes back in time. */
export interface Ending extends ChaosDeps {
  /** Lets so much time pass. */
  readonly pass: (ms: number) => Promise<void>
  readonly fail: (what: string) => void
  /** Whether a promise was broken: then no time passes any more. */
  readonly hasFailed: () => boolean
  /** From now on nothing is as the checks know it. */
  readonly onRegress: () => void
  /** The shadow shows a state that was put back. */
  readonly onPutBack: () => void
}

/** In which whoever would believe an older state does something about it. */
const BELIEVED_WITHIN_MS = 40_000
const ASK_AGAIN_MS = 500

/** A cluster at rest, whose store is then replaced by an older one, or by none: nothing that runs may end. */
export async function regress(deps: Ending): Promise<void> {
  const { around, nodes, servers, backend, shadow, pass, fail, onRegress } = deps
  around.faults.count('smaller world')
  const rng = around.rng.split('regress')
  const [empty, cachesLost] = [rng.chance(0.6), rng.chance(0.5)]
  for (const server of servers) server.keepDown()
  const running = nodes
    .filter(({ lost }) => !lost)
    .flatMap((node) => {
      const steady = steadyTasks(node, shadow)
      // Of a node without a memory only those are kept that are more than may be taken unasked.
      return cachesLost && empty && steady.running <= 3 ? [] : steady.tasks
    })
  backend.regressBy(empty ? Number.MAX_SAFE_INTEGER : 30 + rng.below(backend.revision))
  onRegress()
  for (const node of nodes) {
    if (cachesLost || rng.chance(0.5)) node.killAgent()
    if (cachesLost && empty) node.cache.text = null
  }
  if (cachesLost && empty) around.faults.count('cache lost')
  for (const server of servers) {
    if (empty && rng.chance(0.3)) server.clusterId = 'another'
    server.start()
  }
  for (const node of nodes) node.startAgent()
  await pass(BELIEVED_WITHIN_MS)
  const now = new Set(nodes.flatMap((node) => steadyTasks(node, shadow).tasks))
  for (const task of running) if (!now.has(task)) fail(`${task} ended when the store had lost its state`)
}

/**
 * A cluster at rest, whose state is then replaced by a backup, with the word of its authority. What runs and the backup does
 * not know runs on until a user settles the state; then it goes, and the cluster comes to rest as the backup wants it.
 */
export async function putBack(deps: Ending): Promise<void> {
  const { around, nodes, servers, backend, shadow, pass, fail, hasFailed, onPutBack } = deps
  around.faults.count('state put back')
  const rng = around.rng.split('put back')
  for (const server of servers) server.keepDown()
  const steady = nodes.flatMap((node) => steadyTasks(node, shadow).tasks)
  backend.putBack(1 + rng.below(Math.max(1, backend.revision - 20)), around.clock.now())
  shadow.clear()
  shadow.take({ revision: backend.revision, changes: [...backend.records.values()] })
  onPutBack()
  const unknown = steady.filter((id) => !shadow.tasks.has(id))
  for (const node of nodes) if (rng.chance(0.3)) node.killAgent()
  for (const server of servers) server.start()
  for (const node of nodes) node.startAgent()
  await pass(BELIEVED_WITHIN_MS)
  const now = new Set(nodes.flatMap((node) => steadyTasks(node, shadow).tasks))
  for (const task of unknown)
    if (!now.has(task)) fail(`${task} ended before a user settled the state that was put back`)
  while (!hasFailed() && !(await settle(deps))) await pass(ASK_AGAIN_MS)
}

async function settle({ servers, pass }: Ending): Promise<boolean> {
  const api = servers.find((server) => server.api !== null)?.api ?? null
  if (api === null) return false
  const asked = { isDone: false }
  api.settle({ by: 'user', idempotencyKey: null }).then(
    () => {
      asked.isDone = true
    },
    // Somebody else was quicker, or the server went: it is asked again.
    () => undefined,
  )
  await pass(ASK_AGAIN_MS)
  return asked.isDone
}

/** Tasks of a node that go on whatever becomes of the servers, and how many run there in all without a lease. */
function steadyTasks({ machine }: SimNode, shadow: Shadow): { tasks: string[]; running: number } {
  const ours = [...machine.containers.values()].filter(({ cluster }) => cluster === CLUSTER_ID)
  const isLeased = ({ order }: SimContainer): boolean => shadow.tasks.get(order.taskId)?.spec.leaseMs != null
  const running = ours.filter((container) => container.state === 'running' && !isLeased(container))
  return { tasks: running.filter(isSteady).map(({ order }) => order.taskId), running: running.length }
}

/** Whether its program goes on for ever and serves. */
function isSteady({ program, runs }: SimContainer): boolean {
  const ends = program.endsAfterMs !== null && (program.endingRuns === null || runs <= program.endingRuns)
  return !ends && program.servesAfterMs !== null
}

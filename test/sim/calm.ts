import { specHash } from '../../src/core/manifest/diff.ts'
import type { ServiceSpec } from '../../src/core/model/service.ts'
import { isTerminal, type Task } from '../../src/core/model/task.ts'
import type { SimContainer } from './container.ts'
import { type Fate, fateOf } from './manifests.ts'
import { CLUSTER_ID, type SimNode } from './node.ts'
import type { SimServer } from './server.ts'
import type { Shadow } from './shadow.ts'

export interface CalmDeps {
  readonly shadow: Shadow
  readonly nodes: readonly SimNode[]
  readonly servers: readonly SimServer[]
}

/** What is not yet as it should be when nothing goes wrong any more; null: all is well. */
export function unrest({ shadow, nodes, servers }: CalmDeps): string | null {
  const members = nodes.filter(({ lost }) => !lost)
  const lonely = members.find(({ connection, isUp }) => !isUp || connection === null)
  if (lonely !== undefined) return `${lonely.name} has no server`
  for (const { name } of members) {
    const node = shadow.nodeNamed(name)
    const busy = shadow.alive().some((task) => task.node === node?.id)
    const expected = node?.availability === 'drain' && busy ? 'draining' : 'ready'
    if (node?.status !== expected) return `${name} is ${node?.status ?? 'unknown'}`
  }
  for (const spec of shadow.wanted().values()) {
    const wrong = serviceUnrest(spec, shadow)
    if (wrong !== null) return wrong
  }
  const wanted = shadow.wanted()
  for (const task of shadow.alive()) {
    if (!wanted.has(task.service)) return `${task.id} is there, but nobody wants ${task.service}`
  }
  for (const node of nodes) {
    const wrong = node.lost ? lostUnrest(node) : nodeUnrest(node, shadow)
    if (wrong !== null) return wrong
  }
  return revisionUnrest(shadow) ?? lostUnheardOf(shadow, nodes) ?? viewUnrest(shadow, servers)
}

/** What was given up with a node that is back by now is known to be gone there. */
function lostUnheardOf(shadow: Shadow, nodes: readonly SimNode[]): string | null {
  const back = new Set(nodes.filter(({ lost }) => !lost).map(({ name }) => shadow.nodeNamed(name)?.id))
  const kept = [...shadow.tasks.values()].find(
    ({ status, gone, node }) => status.state === 'lost' && !gone && back.has(node ?? 0),
  )
  return kept === undefined ? null : `${kept.id} is still taken for lost, although node ${kept.node} is back`
}

/** One server leads, and every one sees what is there. */
function viewUnrest(shadow: Shadow, servers: readonly SimServer[]): string | null {
  const leaders = servers.filter(({ api }) => api !== null).length
  if (leaders !== 1) return `${leaders} servers lead`
  const there = [...shadow.tasks.values()].map(({ id, status }) => `${id} ${status.state}`).sort()
  for (const { name, anyApi } of servers) {
    if (anyApi === null) continue
    const seen = anyApi.tasks({ service: null, all: true }).map(({ id, state }) => `${id} ${state}`)
    if (seen.sort().join() !== there.join()) return `${name} sees other tasks than there are`
  }
  return null
}

function serviceUnrest(spec: ServiceSpec, shadow: Shadow): string | null {
  const fate = fateWithDependencies(spec, shadow)
  const slots = shadow.slots(spec)
  const tasks = shadow.of(spec.name)
  const surplus = tasks.find((task) => !isTerminal(task.status.state) && !slots.includes(task.slot))
  if (surplus !== undefined) return `${surplus.id} is one too many`
  for (const slot of slots) {
    const wrong = slotUnrest(
      spec,
      fate,
      tasks.filter((task) => task.slot === slot),
      shadow,
    )
    if (wrong !== null) return `${spec.name}.${slot}: ${wrong}`
  }
  return null
}

function fateWithDependencies(spec: ServiceSpec, shadow: Shadow): Fate {
  const waitsInVain = spec.dependencies.some(({ service }) => {
    const other = shadow.wanted().get(service)
    return other === undefined || fateOf(other) === 'never'
  })
  return waitsInVain ? 'never' : fateOf(spec)
}

function slotUnrest(spec: ServiceSpec, fate: Fate, tasks: readonly Task[], shadow: Shadow): string | null {
  const alive = tasks.filter((task) => !isTerminal(task.status.state))
  const old = alive.find((task) => task.specHash !== specHash(spec) || shadow.mustLeave(task))
  const newest = tasks.reduce<Task | null>((best, task) => (best && best.attempt > task.attempt ? best : task), null)
  const [task] = alive
  if (alive.some(({ refusal }) => refusal !== null)) return null
  if (fate === 'never') return alive.length > 2 ? `${alive.length} tasks` : null
  const left = newest?.stoppedByUser && (spec.restart === 'unless-stopped' || spec.restart === 'no')
  // Where the new task was stopped by a user, or has failed for good, the old one goes on.
  const failed = fate === 'either' && newest?.status.state === 'failed'
  if (old?.status.ready && alive.length === 1 && (left || failed)) return null
  if (old !== undefined) return `${old.id} is of an earlier spec, or on a node that drains`
  if (alive.length > 1) return `${alive.length} tasks`
  if (fate === 'completes') return newest?.status.state === 'completed' ? null : `${newest?.id} has not completed`
  if (task?.desired === 'running' && task.status.ready) return null
  if (task === undefined && newest !== null && (left || (fate === 'either' && isFinal(spec, newest)))) return null
  return `${newest?.id} is ${newest?.status.state}, desired ${newest?.desired}: ${newest?.status.message}`
}

/** Whether nothing is tried again after this end of a task whose policy forbids it, or that is a job. */
function isFinal({ restart }: ServiceSpec, { status }: Task): boolean {
  return (
    status.state === 'completed' || (status.state === 'failed' && (restart === 'no' || status.failure !== 'runtime'))
  )
}

/** Containers and tasks belong together: nothing runs that nobody wants, and what is said to run does. */
function nodeUnrest(node: SimNode, shadow: Shadow): string | null {
  const id = node.givenUp ? undefined : shadow.nodeNamed(node.name)?.id
  const ours = [...node.machine.containers.values()].filter(({ cluster }) => cluster === CLUSTER_ID)
  const byTask = new Map<string, SimContainer>(ours.map((container) => [container.order.taskId, container]))
  for (const { order, state } of ours) {
    const task = shadow.tasks.get(order.taskId)
    if (task === undefined || task.node !== id) return `container of ${order.taskId} on ${node.name} is an orphan`
    if (state === 'running' && isTerminal(task.status.state)) return `${task.id} has ended and its container runs`
    if (order.specHash !== task.specHash) return `container of ${order.taskId} is of another spec`
  }
  for (const task of shadow.alive()) {
    if (task.node !== id || !task.status.ready) continue
    if (byTask.get(task.id)?.state !== 'running') return `${task.id} is said to be ready and does not run`
  }
  return null
}

/** A machine that was given up may come back; then it is told to stop what it had. */
function lostUnrest({ name, isUp, machine }: SimNode): string | null {
  const ours = [...machine.containers.values()].filter(({ cluster }) => cluster === CLUSTER_ID)
  const running = ours.find(({ state }) => state === 'running')
  if (running === undefined) return null
  return `${running.order.taskId} runs on ${name}, which was given up and is ${isUp ? 'back' : 'off'}`
}

function revisionUnrest(shadow: Shadow): string | null {
  const open = shadow.manifests().find(({ state, number }) => state === 'progressing' && number !== shadow.desired)
  return open === undefined ? null : `manifest ${open.number} is progressing, but ${shadow.desired} is the desired one`
}

/** With no server at all: whether every node runs what its own cache asks for. */
export function islandUnrest({ nodes }: CalmDeps): string | null {
  for (const node of nodes) {
    if (node.lost) continue
    const { tasks, records } = JSON.parse(node.cache.text ?? '{"tasks":[],"records":[]}') as {
      tasks: Task[]
      records: { taskId: string; status: Task['status'] }[]
    }
    const statuses = new Map(records.map(({ taskId, status }) => [taskId, status]))
    for (const task of tasks) {
      const status = statuses.get(task.id) ?? task.status
      // Whether an exclusive one may start again only a leader knows.
      if (task.spec.exclusive) continue
      if (task.desired !== 'running' || isTerminal(status.state) || fateOf(task.spec) !== 'serves') continue
      const ours = [...node.machine.containers.values()].filter(({ cluster }) => cluster === CLUSTER_ID)
      const container = ours.find(({ order }) => order.taskId === task.id)
      const runs = container?.state === 'running'
      if (task.spec.leaseMs === null && !runs) return `${task.id} on ${node.name} does not run without a server`
      if (task.spec.leaseMs !== null && runs) return `${task.id} on ${node.name} runs without a lease`
    }
  }
  return null
}

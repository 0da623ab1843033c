import type { Event } from '../model/event.ts'
import { FACT_OPTIONS, factWords, isSetByUser, NODE_FACTS, type Node } from '../model/node.ts'
import { isAlive, type Task } from '../model/task.ts'
import type { Explanation } from '../model/view.ts'
import { isHeldWhereItWas, waitsForPredecessor } from '../schedule/need.ts'

/** Why a node is as it is, and what it waits for. `tasks`: all of the cluster. */
export function explainNode(node: Node, tasks: readonly Task[], events: readonly Event[]): Explanation {
  const left = tasks.filter((task) => task.node === node.id && isAlive(task))
  const { id, name, status, availability } = node
  const holds = left.length === 0 ? 'no task' : left.length === 1 ? '1 task' : `${left.length} tasks`
  return {
    object: `node/${id}`,
    summary: `node ${id} (${name}) is ${status}, ${AVAILABILITY[availability]}, with ${holds}`,
    reasons: [
      ...presenceOf(node, left),
      ...(availability === 'active' ? [] : availabilityOf(node, left, tasks)),
      ...node.runtimes
        .filter(({ available }) => !available)
        .map(({ kind, message }) => `its runtime ${kind} does not answer${message === '' ? '' : `: ${message}`}`),
      ...settingsOf(node),
    ],
    events,
  }
}

const AVAILABILITY: Readonly<Record<Node['availability'], string>> = {
  active: 'takes tasks',
  pause: 'takes no new tasks',
  drain: 'takes no tasks',
}

function presenceOf({ id, status, reserved }: Node, left: readonly Task[]): string[] {
  if (status !== 'unreachable') return []
  if (reserved) return [`it waits for a machine: the next one that joins becomes node ${id}`]
  const held = left.filter(({ spec }) => isHeldWhereItWas(spec)).map((task) => task.id)
  const help = `start it, or give it up with \`gantry node rm ${id}\` or \`gantry node replace ${id}\``
  if (held.length === 0) return [`its agent is not connected; ${help}`]
  const fence = `\`gantry node fence ${id} --confirm-dead\``
  return [
    `its agent is not connected; ${help}`,
    `${held.join(', ')} may still run there, and nowhere else meanwhile; once the machine is off, ${fence} says so`,
  ]
}

function availabilityOf({ id, availability }: Node, left: readonly Task[], tasks: readonly Task[]): string[] {
  const back = `\`gantry node activate ${id}\` lets it take tasks again`
  if (availability === 'pause') return [`a user paused it; ${back}`]
  if (left.length === 0) return [`it is drained; \`gantry node rm ${id}\` takes it out of the cluster, ${back}`]
  return [`a user drains it; ${back}`, ...left.map((task) => whyLeft(task, tasks))]
}

function whyLeft({ id, service, slot, attempt, desired, because }: Task, tasks: readonly Task[]): string {
  if (desired === 'stopped') return `${id} is stopping: ${because}`
  const next = tasks.find(
    (other) => other.service === service && other.slot === slot && other.attempt > attempt && isAlive(other),
  )
  if (next === undefined) return `${id} waits for its turn: an update of ${service} moves only so many tasks at once`
  const why = next.refusal ?? next.status.message
  const state = next.node === null ? 'has no node' : `is ${next.status.state} on node ${next.node}`
  const stands = `${next.id} ${state}${why === '' ? '' : `: ${why}`}`
  if (!waitsForPredecessor(next.spec)) return `${id} goes on until ${next.id} is ready; ${stands}`
  if (!next.status.prepared)
    return `${id} goes on until ${next.id} is prepared, and stops before that one starts; ${stands}`
  return `${id} goes on while too few of ${service} serve, or what ${service} depends on does not; ${stands}`
}

function settingsOf({ id, settings }: Node): string[] {
  const labels = Object.keys(settings?.labels ?? {}).map((name) => `label ${name}`)
  const facts = NODE_FACTS.filter((fact) => isSetByUser(fact, settings))
  const set = [...facts.map(factWords), ...labels]
  if (set.length === 0) return []
  const [first] = facts
  const back = first === undefined ? '' : `; \`gantry node set ${id} --reset ${FACT_OPTIONS[first]}\` takes that back`
  return [`users set its ${set.join(', ')}; that wins over the options of its agent${back}`]
}

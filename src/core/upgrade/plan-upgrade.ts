import { contentHash } from '../../lib/canonical-json.ts'
import { compareText } from '../../lib/collections.ts'
import { type Cluster, levelOf, type ServerRecord } from '../model/cluster.ts'
import type { Node } from '../model/node.ts'
import type { NodeAction, Plan, PlanNote, UpgradeChange } from '../model/plan.ts'
import { isAlive, type Task } from '../model/task.ts'
import { isLeased, runsWithout } from '../node/lease.ts'
import { factsOf } from '../plan/facts.ts'

export interface UpgradePlanInput {
  readonly cluster: Cluster
  readonly desiredRevision: number
  readonly change: UpgradeChange
  /** Every server that ever started here and whose node was not removed. */
  readonly servers: readonly ServerRecord[]
  /** Name of the server that leads. */
  readonly leader: string
  readonly nodes: readonly Node[]
  readonly tasks: readonly Task[]
}

/** One machine that is to get the version. */
interface Machine {
  readonly node: Node
  readonly server: ServerRecord | null
}

interface Steps {
  readonly touched: readonly NodeAction[]
  readonly level: Plan['level']
  readonly notes: readonly PlanNote[]
  readonly blockers: readonly PlanNote[]
}

const NO_STEPS = { touched: [], level: null, notes: [] } as const
const NO_SUMMARY = { add: 0, update: 0, replace: 0, remove: 0 } as const

/**
 * In which order machines get a version: servers that follow, one after the other, then the one that leads, so that the
 * lead changes once, then the others. When all have it, the plan raises the level of the cluster instead.
 */
export function planUpgrade(input: UpgradePlanInput): Plan {
  const { cluster, desiredRevision: baseRevision, change, nodes, tasks } = input
  const machines = inOrder(input)
  const behind = machines.filter(({ node }) => node.version !== change.version)
  const impossible = impossibleStep(input)
  const { touched, level, notes, blockers } =
    impossible === null ? stepsOf(input, behind) : { ...NO_STEPS, blockers: [impossible] }
  const facts = {
    ...factsOf(baseRevision, [], tasks, nodes),
    cluster: `level ${levelOf(cluster)}, ${input.leader} leads`,
    ...Object.fromEntries(machines.map(({ node, server }) => [`version/${node.name}`, versionFact(node, server)])),
  }
  return {
    id: contentHash({ clusterId: cluster.id, baseRevision, change, facts, touched, level }),
    clusterId: cluster.id,
    baseRevision,
    change,
    actions: [],
    nodes: touched,
    level,
    summary: NO_SUMMARY,
    pulls: [],
    notes,
    blockers,
    facts,
  }
}

function stepsOf(input: UpgradePlanInput, behind: readonly Machine[]): Steps {
  return {
    touched: behind.map((machine) => actionOf(machine, input)),
    level: levelChange(input),
    notes: notesOf(input, behind),
    blockers: blockersOf(input, behind),
  }
}

function versionFact({ version }: Node, server: ServerRecord | null): string {
  return server === null ? version : `${version}, a server that knows level ${server.level}`
}

function inOrder({ nodes, servers, leader }: UpgradePlanInput): readonly Machine[] {
  const byName = new Map(servers.map((server) => [server.name, server]))
  const rank = ({ node, server }: Machine): number => (server === null ? 2 : node.name === leader ? 1 : 0)
  return nodes
    .filter(({ machineId }) => machineId !== null)
    .map((node) => ({ node, server: byName.get(node.name) ?? null }))
    .sort((a, b) => rank(a) - rank(b) || a.node.id - b.node.id)
}

function levelChange({ cluster, change }: UpgradePlanInput): Plan['level'] {
  const from = levelOf(cluster)
  return change.level > from ? { from, to: change.level } : null
}

function actionOf({ node, server }: Machine, { change, leader, servers, tasks }: UpgradePlanInput): NodeAction {
  const running = tasks.filter((task) => task.node === node.id && isAlive(task))
  const words = [roleWords(node, server, leader, servers.length), taskWords(running)].filter((part) => part !== '')
  return {
    node: node.id,
    name: node.name,
    kind: 'upgrade',
    fields: [{ field: 'version', from: node.version, to: change.version }],
    consequence: words.join('; '),
  }
}

/** What becomes of a node's tasks while its program restarts. A lease that nobody renews ends its task, which then begins anew. */
function taskWords(running: readonly Task[]): string {
  if (running.length === 0) return ''
  const runsOn = running.length === 1 ? 'its task runs on' : `its ${running.length} tasks run on`
  const leased = running.filter(isLeased)
  if (leased.length === 0) return runsOn
  const names = leased.map(({ id }) => id).join(', ')
  return `${runsOn}, ${names} only if it is back within ${Math.floor(runsWithout(leased) / 1_000)} s`
}

function roleWords({ name }: Node, server: ServerRecord | null, leader: string, servers: number): string {
  if (server === null) return ''
  if (servers === 1) return 'the only server: nothing is decided while it restarts'
  return name === leader ? 'it leads: another server takes over' : 'a server that follows'
}

function notesOf({ change, nodes, cluster }: UpgradePlanInput, behind: readonly Machine[]): readonly PlanNote[] {
  const notes: string[] = []
  const away = nodes.filter(({ status }) => status === 'unreachable')
  if (behind.length > 0) {
    notes.push(
      'on each machine in this order: put the new program in place and restart it; go on when its node is ready',
    )
    if (away.length > 0) notes.push(`bring back first, or remove: ${namesOf(away)} cannot be reached`)
  }
  if (change.level > levelOf(cluster))
    notes.push(`from level ${change.level} on, versions that do not know it are refused: that is the end of going back`)
  return notes.map(noted)
}

/** What keeps every machine from running the version; null: nothing. */
function impossibleStep({ change: { version, level }, cluster }: UpgradePlanInput): PlanNote | null {
  const from = levelOf(cluster)
  if (level < from)
    return noted(`version ${version} knows level ${level}, the cluster is at ${from}: there is no way back`)
  if (level > from + 1) return noted(`the cluster is at level ${from}: upgrade to a version of level ${from + 1} first`)
  return null
}

function blockersOf(input: UpgradePlanInput, behind: readonly Machine[]): readonly PlanNote[] {
  const { change, servers } = input
  const excused = ({ node, server }: Machine): boolean =>
    change.force && server === null && node.status === 'unreachable'
  const missing = behind.filter((machine) => !excused(machine))
  const blockers = missing.map(({ node }) => noted(`node ${node.id} (${node.name}) still runs ${node.version}`))
  const unaware = servers.filter(({ level }) => level < change.level)
  for (const { name, version, level } of unaware) {
    if (!missing.some(({ node }) => node.name === name))
      blockers.push(noted(`server ${name} last said that it runs ${version}, which knows level ${level}`))
  }
  return blockers
}

function namesOf(nodes: readonly Node[]): string {
  return nodes
    .map(({ name }) => name)
    .sort(compareText)
    .join(', ')
}

function noted(message: string): PlanNote {
  return { service: null, field: null, message }
}

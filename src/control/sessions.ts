import { OperationalError } from '../core/errors.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Assignment, Hello, Refused, Renew, Report, Trust } from '../core/model/message.ts'
import type { Node, NodeStatus } from '../core/model/node.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import { isAlive, judge, type Task } from '../core/model/task.ts'
import { assignedTask } from '../core/node/assigned-task.ts'
import { joinedNode, judgeJoin, statusWhenThere, withOwnName } from '../core/node/join.ts'
import type { AgentConnection } from '../ports/link.ts'
import { AgentPace } from './agent-pace.ts'
import { AgentRefusals } from './agent-refusals.ts'
import { authorityOf, certifiedBy, keepCertificate, refusalOf } from './judge-hello.ts'
import { commitDecision, type PassDeps } from './pass.ts'
import type { Inbox } from './record-reports.ts'
import type { TrustWords } from './trust.ts'

/** A machine that was sent away and is refused is told so often that it must run nothing. */
const EMPTY_AGAIN_MS: Millis = 30_000

interface Session {
  readonly connection: AgentConnection
  readonly machineId: string
  /** By how much its clock is ahead of ours; null: it does not say. */
  readonly aheadMs: Millis | null
  /** Why it can take in nothing now; null: it can. */
  readonly trouble: string | null
  /** null: it has no certificate. */
  readonly trust: Trust | null
  /** What it was told last to believe. */
  toldTrust: TrustWords | null
  /** The cluster keys that it was told last to hold; empty: none. */
  toldKeys: string
  /** What this agent was last told, by the parts that matter to it. */
  told: ReadonlyMap<string, Task> | null
  /** What it was told of the life of the state. */
  life: Life
  /** It has said that it runs nothing which the settled state does not know. */
  hasSettled: boolean
  /** Its tasks as they were said to it. */
  readonly assigned: WeakMap<Task, Task>
}

export interface SessionsDeps {
  readonly pass: PassDeps
  readonly inbox: Inbox
  readonly wake: (key: string) => void
  /** What agents are to believe; null: there is no authority. */
  readonly trust: () => TrustWords | null
  /** The cluster keys that a server is to be told; null: none now. */
  readonly clusterKeys: (node: NodeId) => readonly string[] | null
  readonly onHello: (node: NodeId, address: string | null) => void
  readonly onGone: (node: NodeId) => void
  readonly onDoubt: (node: NodeId, isDoubtful: boolean) => void
  readonly onRenew: (node: NodeId, round: number, connection: AgentConnection) => void
}

/** The agents that are connected to the leader: who they are, what they were told, what they say. */
export class Sessions {
  readonly #deps: SessionsDeps
  readonly pace: AgentPace
  readonly refusals: AgentRefusals
  readonly #byNode = new Map<NodeId, Session>()
  /** When machines that a user sent away were told to stop all they run. */
  readonly #emptiedAt = new Map<string, Millis>()
  #closed = false

  constructor(deps: SessionsDeps) {
    this.#deps = deps
    this.pace = new AgentPace(deps.pass.clock, deps.pass.log)
    this.refusals = new AgentRefusals(deps.pass.clock)
  }

  connection(node: NodeId): AgentConnection | null {
    return this.#byNode.get(node)?.connection ?? null
  }

  /** What a connected node believes; null: it is away, or has no certificate. */
  trustOf(node: NodeId): Trust | null {
    return this.#byNode.get(node)?.trust ?? null
  }

  /** Whether a connected node has said that it runs nothing which the settled state does not know. */
  hasSettled(node: NodeId): boolean {
    return this.#byNode.get(node)?.hasSettled === true
  }

  /** By how much the clock of a connected node is ahead of ours; null: it is away, or does not say. */
  aheadOf(node: NodeId): Millis | null {
    return this.#byNode.get(node)?.aheadMs ?? null
  }

  /** Why a connected node can take in nothing now; null: it can, or is away. */
  troubleOf(node: NodeId): string | null {
    return this.#byNode.get(node)?.trouble ?? null
  }

  /** Tells every agent whom to believe, if that differs from what it was told. */
  publishTrust(): void {
    const words = this.#deps.trust()
    for (const [node, session] of this.#byNode) this.#tellTrust(node, session, words)
  }

  accept(connection: AgentConnection): void {
    if (this.#closed || !this.#isAdmitted(connection)) {
      connection.close()
      return
    }
    let nodeId: NodeId | null = null
    let open = true
    let turn: Promise<void> = Promise.resolve()
    // One message after the other: a report may follow a hello that is still being stored.
    connection.onMessage((message) => {
      if (!open) return
      open = message.kind !== 'hello' || this.#isAdmitted(connection)
      if (!open) return connection.close()
      turn = turn.then(async () => {
        if (message.kind === 'hello') nodeId = (await this.#greet(message, connection)) ?? nodeId
        else if (message.kind === 'report') this.#take(message, nodeId, connection)
        else this.#renew(message, nodeId, connection)
        // It may have been closed while its hello was being stored.
        if (!open) this.#lose(nodeId, connection)
      })
    })
    connection.onClose(() => {
      open = false
      this.#lose(nodeId, connection)
    })
    connection.onDoubt((isDoubtful) => {
      if (nodeId !== null && this.#byNode.get(nodeId)?.connection === connection) this.#deps.onDoubt(nodeId, isDoubtful)
    })
  }

  #isAdmitted({ peer }: AgentConnection): boolean {
    return peer === null || this.pace.admits(peer.nodeId)
  }

  /** Gives up the connection of a node that is lost, without waiting for its end. */
  drop(node: NodeId): void {
    const session = this.#byNode.get(node)
    if (session === undefined) return
    this.#lose(node, session.connection)
    session.connection.close()
  }

  #lose(nodeId: NodeId | null, connection: AgentConnection): void {
    if (nodeId === null || this.#byNode.get(nodeId)?.connection !== connection) return
    this.#byNode.delete(nodeId)
    this.#deps.onGone(nodeId)
  }

  /** Closes every connection: another server leads, or this one ends. */
  close(): void {
    this.#closed = true
    for (const { connection } of this.#byNode.values()) connection.close()
    this.#byNode.clear()
  }

  /** Tells one node's agent what it must hold, if that differs from what it was told. */
  async publish(node: NodeId): Promise<Millis | null> {
    const deps = this.#deps.pass
    const session = this.#byNode.get(node)
    if (session === undefined) return null
    const record = deps.world.mirror.get(keyOf('node', node))?.value
    if (record === undefined || record.machineId !== session.machineId) return this.#sendAway(node, session)
    if (record.status === 'unreachable') return this.#noteReturn(node, deps)
    const tasks = deps.world.mirror.tasksOn(node).map(({ value }) => value)
    const { proof, ...life } = lifeOf(deps, node)
    const known = session.life
    const { keepsUnknown, settles, unsettled } = life
    const isOther = keepsUnknown !== known.keepsUnknown || settles !== known.settles || unsettled !== known.unsettled
    const isNews = proof !== known.proof || isOther
    if (session.told !== null && !isNews && !differs(session.told, tasks)) return null
    // Once on a connection is enough: what it proves stays so.
    const proven = proof !== undefined && proof !== known.proof ? { proof } : {}
    session.life = { ...life, ...(proof !== undefined && { proof }) }
    session.told = new Map(tasks.map((task) => [task.id, task]))
    // The same task is the same object each time: so little is said that little has changed.
    const assigned = tasks.map((task) => {
      const known = session.assigned.get(task) ?? assignedTask(task, record)
      session.assigned.set(task, known)
      return known
    })
    const order = { kind: 'assignment', authority: authorityOf(deps), nodeId: node, tasks: assigned } as const
    session.connection.send({ ...order, ...proven, ...life })
    return null
  }

  /** Its node left the cluster or is another machine: when it comes again it is told what it is now. */
  #sendAway(node: NodeId, { connection }: Session): null {
    this.#byNode.delete(node)
    connection.close()
    return null
  }

  #renew({ round }: Renew, nodeId: NodeId | null, connection: AgentConnection): void {
    if (nodeId === null || this.#byNode.get(nodeId)?.connection !== connection) return
    this.#deps.onRenew(nodeId, round, connection)
  }

  /** Only the newest connection of a node may speak for it. */
  #take(report: Report, nodeId: NodeId | null, connection: AgentConnection): void {
    const session = nodeId === null ? undefined : this.#byNode.get(nodeId)
    if (nodeId === null || session?.connection !== connection) return
    const { inbox, pass } = this.#deps
    const { mirror } = pass.world
    // What it said before it was asked was of another state.
    if (report.settled === true && session.life.settles === true) {
      session.hasSettled = true
      this.#deps.wake('settled')
    }
    for (const { taskId, status } of report.statuses) {
      // What waits to be stored must not give way to the word of another node, or to an older one.
      if (mirror.get(keyOf('task', taskId))?.value.node !== nodeId) continue
      const waiting = inbox.get(taskId)
      if (waiting !== undefined && judge(waiting.status.state, status.state, 'agent') === 'stale') continue
      inbox.set(taskId, { node: nodeId, status })
    }
    this.#deps.wake('reports')
  }

  /** Welcomes an agent; when the store fails meanwhile the agent is sent away and comes again. */
  async #greet(hello: Hello, connection: AgentConnection): Promise<NodeId | null> {
    try {
      return await this.#welcome(hello, connection)
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      connection.close()
      return null
    }
  }

  async #welcome(hello: Hello, connection: AgentConnection): Promise<NodeId | null> {
    const deps = this.#deps.pass
    const certified = certifiedBy(connection, deps.world)
    const refusal = refusalOf(hello, certified, deps)
    if (refusal !== null) return this.#refuse(refusal, hello, connection)
    const { mirror, isPutBack } = deps.world
    const dismissed = mirror.list('dismissed').map(({ value }) => value)
    const join = judgeJoin(hello, certified, deps.world.nodes(), dismissed, isPutBack)
    if (join.kind === 'dismissed') {
      this.#empty(hello, join.machine.node.id, connection)
      return this.#refuse(join.message, hello, connection, 'end')
    }
    if (join.kind === 'renew') return this.#refuse(join.message, hello, connection, 'renew')
    if (join.kind !== 'welcome') return this.#refuse(join.message, hello, connection)
    const id = join.node
    const present = mirror.get(keyOf('node', id))?.value ?? null
    const status = statusWhenThere(present ?? { availability: 'active' }, isBusy(id, deps))
    const node = joinedNode(withOwnName(hello, id, present, deps.world.nodes()), id, present, status, deps.clock.now())
    const kept = certified?.isNewer === true ? keepCertificate(id, hello, connection, deps) : []
    if (kept.length > 0 || JSON.stringify(present) !== JSON.stringify(node)) {
      const landed = await commitDecision(deps, {
        basis: [keyOf('dismissed', hello.machineId)],
        writes: [{ put: keyOf('node', id), value: node }, ...kept],
        events: [greeting(node, hello, present, deps.clock.now())],
      })
      if (!landed) {
        // Somebody else took the id or changed the node; the agent says hello again.
        connection.close()
        return null
      }
    }
    // What it is now its certificate does not say yet.
    if (certified !== null && certified.nodeId !== id) return this.#welcome(hello, connection)
    if (this.#closed) {
      connection.close()
      return null
    }
    this.#keep(id, hello, connection)
    this.#deps.onHello(id, node.address)
    this.#deps.wake(`node:${id}`)
    return id
  }

  #refuse(message: string, hello: Hello, connection: AgentConnection, remedy?: Refused['remedy']): null {
    const node = connection.peer?.nodeId ?? hello.nodeId
    if (node === null || this.refusals.note(hello.machineId, node, message))
      this.#deps.pass.log.error('agent refused', { node: hello.name, reason: message })
    connection.send({ kind: 'refused', message, ...(remedy !== undefined && { remedy }) })
    if (connection.barred !== undefined) connection.close()
    return null
  }

  /** The newest connection of a node is the one that counts. */
  #keep(id: NodeId, { machineId, trust, trouble, clock }: Hello, connection: AgentConnection): void {
    this.refusals.forget(machineId)
    const known = this.#byNode.get(id)
    const goesOn = known?.connection === connection
    if (!goesOn) known?.connection.close()
    const aheadMs = clock === undefined ? null : clock - this.#deps.pass.clock.now()
    const said = { told: null, life: {}, hasSettled: false, toldKeys: '' }
    const fresh = { connection, machineId, ...said, assigned: new WeakMap() }
    const says = { aheadMs, trouble: trouble ?? null, trust: trust ?? null }
    const session: Session = { ...(goesOn ? known : fresh), ...says, toldTrust: null }
    this.#byNode.set(id, session)
    this.#tellTrust(id, session, this.#deps.trust())
    this.#deps.wake('authority')
  }

  #tellTrust(node: NodeId, session: Session, words: TrustWords | null): void {
    if (session.trust === null || words === null) return
    const { peer } = session.connection
    const keys = peer === null || peer.role === 'server' ? this.#deps.clusterKeys(node) : null
    const toldKeys = keys?.join() ?? ''
    if (session.toldTrust === words && session.toldKeys === toldKeys) return
    session.toldTrust = words
    session.toldKeys = toldKeys
    const { proof } = this.#deps.pass.world.mirror.get(CLUSTER_KEY)?.value ?? {}
    const authority = authorityOf(this.#deps.pass)
    const more = { ...(proof !== undefined && { proof }), ...(keys !== null && { clusterKeys: keys }) }
    session.connection.send({ kind: 'trust', authority, ...words, ...more })
  }

  /** The word may be lost with its connection, so it is said again, but not each time that the agent tries. */
  #empty({ machineId }: Hello, nodeId: NodeId, connection: AgentConnection): void {
    const now = this.#deps.pass.clock.now()
    if (now < (this.#emptiedAt.get(machineId) ?? 0) + EMPTY_AGAIN_MS) return
    this.#emptiedAt.set(machineId, now)
    const authority = authorityOf(this.#deps.pass)
    const order = { kind: 'assignment', authority, nodeId, tasks: [], dismissed: true } as const
    connection.send({ ...order, ...lifeOf(this.#deps.pass, nodeId) })
  }

  /** Its absence was noted while it was already greeting: whoever is connected is not unreachable. */
  async #noteReturn(id: NodeId, deps: PassDeps): Promise<Millis | null> {
    const node = deps.world.mirror.get(keyOf('node', id))?.value
    return node === undefined ? null : this.#setStatus(node, statusWhenThere(node, isBusy(id, deps)), deps)
  }

  async #setStatus(node: Node, status: NodeStatus, deps: PassDeps): Promise<Millis | null> {
    const event: EventDraft = {
      kind: 'node.changed',
      object: `node/${node.id}`,
      service: null,
      message: `node ${node.id} (${node.name}) is ${status}`,
      by: 'control',
      at: deps.clock.now(),
    }
    const writes = [{ put: keyOf('node', node.id), value: { ...node, status } }]
    const landed = await commitDecision(deps, { basis: [], writes, events: [event] })
    // A return is followed by its assignment.
    return landed && status === 'unreachable' ? null : deps.clock.now() + (landed ? 0 : 100)
  }
}

/** What agents must know of the life that the state is in. */
type Life = Pick<Assignment, 'proof' | 'keepsUnknown' | 'settles' | 'unsettled'>

function lifeOf({ world }: Pick<PassDeps, 'world'>, node: NodeId): Life {
  const { proof, keepsUnknown, settling } = world.mirror.get(CLUSTER_KEY)?.value ?? {}
  return {
    ...(proof !== undefined && { proof }),
    ...(keepsUnknown === true && { keepsUnknown }),
    ...(settling?.includes(node) === true && { settles: true }),
    ...((keepsUnknown === true || settling !== undefined) && { unsettled: true }),
  }
}

function greeting(node: Node, hello: Hello, present: Node | null, at: Millis): EventDraft {
  const { id, name, status } = node
  const was = hello.nodeId === null || hello.nodeId === id ? '' : `; it was node ${hello.nodeId} before`
  return {
    kind: present === null ? 'node.joined' : 'node.changed',
    object: `node/${id}`,
    service: null,
    message: present === null ? `node ${id} (${name}) joined${was}` : `node ${id} (${name}) is ${status}`,
    by: `agent ${id}`,
    at,
  }
}

function isBusy(id: NodeId, { world }: PassDeps): boolean {
  return world.mirror.tasksOn(id).some(({ value }) => isAlive(value))
}

/** Whether the agent must hear of it: what it reports itself does not count. */
function differs(told: ReadonlyMap<string, Task>, tasks: readonly Task[]): boolean {
  if (told.size !== tasks.length) return true
  return tasks.some((task) => {
    const before = told.get(task.id)
    return (
      before === undefined || before.desired !== task.desired || before.spec !== task.spec || before.node !== task.node
    )
  })
}

import { OperationalError } from '../core/errors.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { Epoch, Millis, NodeId } from '../core/model/ids.ts'
import { type Authority, type Hello, type Report, WIRE_VERSION } from '../core/model/message.ts'
import type { Availability, Node, NodeStatus } from '../core/model/node.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import { judge, type Task } from '../core/model/task.ts'
import { judgeAuthority } from '../core/node/fence.ts'
import type { AgentConnection } from '../ports/link.ts'
import { commitDecision, type PassDeps } from './pass.ts'
import type { Inbox } from './record-reports.ts'

interface Session {
  readonly connection: AgentConnection
  /** What this agent was last told, by the parts that matter to it. */
  told: ReadonlyMap<string, Task> | null
}

export interface SessionsDeps {
  readonly pass: PassDeps
  readonly inbox: Inbox
  readonly wake: (key: string) => void
  readonly onHello: (node: NodeId, address: string | null) => void
  readonly onGone: (node: NodeId) => void
}

/** The agents that are connected to the leader: who they are, what they were told, what they say. */
export class Sessions {
  readonly #deps: SessionsDeps
  readonly #byNode = new Map<NodeId, Session>()
  #closed = false

  constructor(deps: SessionsDeps) {
    this.#deps = deps
  }

  connection(node: NodeId): AgentConnection | null {
    return this.#byNode.get(node)?.connection ?? null
  }

  accept(connection: AgentConnection): void {
    if (this.#closed) {
      connection.close()
      return
    }
    let nodeId: NodeId | null = null
    let turn: Promise<void> = Promise.resolve()
    // One message after the other: a report may follow a hello that is still being stored.
    connection.onMessage((message) => {
      turn = turn.then(async () => {
        if (message.kind === 'hello') nodeId = (await this.#greet(message, nodeId, connection)) ?? nodeId
        else this.#take(message, nodeId, connection)
      })
    })
    connection.onClose(() => {
      if (nodeId === null || this.#byNode.get(nodeId)?.connection !== connection) return
      this.#byNode.delete(nodeId)
      this.#deps.onGone(nodeId)
    })
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
    if (deps.world.mirror.get(keyOf('node', node))?.value.status === 'unreachable') return this.#noteReturn(node, deps)
    const tasks = [...deps.world.mirror.tasksOn(node)].map(({ value }) => value)
    if (session.told !== null && !differs(session.told, tasks)) return null
    session.told = new Map(tasks.map((task) => [task.id, task]))
    session.connection.send({ kind: 'assignment', authority: authorityOf(deps), nodeId: node, tasks })
    return null
  }

  /** Only the newest connection of a node may speak for it. */
  #take(report: Report, nodeId: NodeId | null, connection: AgentConnection): void {
    if (nodeId === null || this.#byNode.get(nodeId)?.connection !== connection) return
    const { inbox, pass } = this.#deps
    const { mirror } = pass.world
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
  async #greet(hello: Hello, known: NodeId | null, connection: AgentConnection): Promise<NodeId | null> {
    try {
      return await this.#welcome(hello, known, connection)
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      connection.close()
      return null
    }
  }

  async #welcome(hello: Hello, known: NodeId | null, connection: AgentConnection): Promise<NodeId | null> {
    const deps = this.#deps.pass
    const refusal = refusalOf(hello, connection.peer?.nodeId ?? null, deps)
    if (refusal !== null) {
      deps.log.error('agent refused', { node: hello.name, reason: refusal })
      connection.send({ kind: 'refused', message: refusal })
      return null
    }
    const id = known ?? connection.peer?.nodeId ?? this.#idFor(hello, deps)
    const present = deps.world.mirror.get(keyOf('node', id))?.value ?? null
    const node = nodeOf(hello, id, present, deps.clock.now())
    if (JSON.stringify(present) !== JSON.stringify(node)) {
      const event: EventDraft = {
        kind: present === null ? 'node.joined' : 'node.changed',
        object: `node/${id}`,
        service: null,
        message: present === null ? `node ${id} (${node.name}) joined` : `node ${id} (${node.name}) is ${node.status}`,
        by: `agent ${id}`,
        at: deps.clock.now(),
      }
      const landed = await commitDecision(deps, {
        basis: [],
        writes: [{ put: keyOf('node', id), value: node }],
        events: [event],
      })
      if (!landed) {
        // Somebody else took the id or changed the node; the agent says hello again.
        connection.close()
        return null
      }
    }
    if (this.#closed) {
      connection.close()
      return null
    }
    if (this.#byNode.get(id)?.connection !== connection) {
      this.#byNode.get(id)?.connection.close()
      this.#byNode.set(id, { connection, told: null })
    }
    this.#deps.onHello(id, node.address)
    this.#deps.wake(`node:${id}`)
    return id
  }

  /** The id the agent has, that of the node of its name, or the smallest free one. */
  #idFor(hello: Hello, deps: PassDeps): NodeId {
    const nodes = deps.world.nodes()
    if (hello.nodeId !== null) return hello.nodeId
    const same = nodes.find((node) => node.name === hello.name)
    if (same !== undefined) return same.id
    const taken = new Set(nodes.map((node) => node.id))
    let id = 1
    while (taken.has(id)) id += 1
    return id
  }

  /** Its absence was noted while it was already greeting: whoever is connected is not unreachable. */
  async #noteReturn(id: NodeId, deps: PassDeps): Promise<Millis | null> {
    const node = deps.world.mirror.get(keyOf('node', id))?.value
    return node === undefined ? null : this.#setStatus(node, statusWhenThere(node.availability), deps)
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

function authorityOf(deps: { readonly world: PassDeps['world']; readonly epoch: Epoch }): Authority {
  const cluster = deps.world.mirror.get(CLUSTER_KEY)?.value
  return {
    clusterId: cluster?.id ?? '',
    incarnation: cluster?.incarnation ?? 0,
    epoch: deps.epoch,
    revision: deps.world.mirror.revision,
  }
}

function refusalOf(hello: Hello, certified: NodeId | null, deps: PassDeps): string | null {
  if (certified !== null && hello.nodeId !== null && hello.nodeId !== certified)
    return `the agent says that it is node ${hello.nodeId}, but its certificate is of node ${certified}`
  if (hello.wireVersion !== WIRE_VERSION)
    return `the agent speaks version ${hello.wireVersion}, this server ${WIRE_VERSION}`
  const verdict = judgeAuthority(hello.authority, authorityOf(deps))
  if (verdict.kind === 'accept') return null
  return verdict.kind === 'stale' ? 'the agent has obeyed a newer leader' : verdict.message
}

function statusWhenThere(availability: Availability): NodeStatus {
  return availability === 'drain' ? 'draining' : 'ready'
}

function nodeOf(hello: Hello, id: NodeId, present: Node | null, now: Millis): Node {
  return {
    id,
    name: hello.name,
    hostname: hello.hostname,
    availability: present?.availability ?? 'active',
    status: statusWhenThere(present?.availability ?? 'active'),
    placement: hello.placement,
    address: hello.address,
    publicAddress: hello.publicAddress,
    region: present?.region ?? null,
    zone: present?.zone ?? null,
    labels: hello.labels,
    capacity: hello.capacity,
    runtimes: hello.runtimes,
    version: hello.version,
    joinedAt: present?.joinedAt ?? now,
  }
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

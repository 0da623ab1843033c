import type { Authority } from '../../../src/core/model/message.ts'
import { isTerminal, type Task } from '../../../src/core/model/task.ts'
import type { TaskRecord } from '../../../src/core/node/record.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { Fact } from '../facts.ts'

/**
 * Promise 1, servers: each reign has an epoch of its own, one higher than the one before, and only whoever took the
 * newest one writes as leader.
 */
export function epochsFence({ shadow, broken }: CheckContext): Check {
  let reigning = ''
  let { epoch } = shadow
  return {
    onCommit: (written, { author, commit }) => {
      if (author === 'somebody else') return
      if (written.some(({ key }) => key === 'leadership/self')) {
        if (shadow.epoch !== epoch + 1) broken(`epoch ${shadow.epoch} follows epoch ${epoch}`)
        epoch = shadow.epoch
        reigning = author
        return
      }
      const asLeader =
        commit.epoch !== null || commit.events.some(({ by }) => by === 'control' || by.startsWith('agent'))
      if (asLeader && author !== reigning) broken(`${author} wrote as leader while ${reigning} reigns`)
    },
  }
}

interface Kept {
  readonly authority: Authority | null
  readonly tasks: ReadonlyMap<string, Task>
  readonly records: ReadonlyMap<string, TaskRecord>
}

/** One state that an agent kept, parsed when somebody asks. */
class Text {
  readonly #text: string
  #kept: Kept | null = null

  constructor(text: string) {
    this.#text = text
  }

  /** Whether the task is in it, without parsing: texts are long, and most questions are no more than this. */
  assigns(taskId: string): boolean {
    return this.#text.includes(`"id":"${taskId}"`)
  }

  get kept(): Kept {
    this.#kept ??= parse(this.#text)
    return this.#kept
  }
}

/**
 * Promises 1, 3 and 4, agents: whom they obey is durable and only grows, and what they do to a container is what the
 * durable state asks for. Nothing is created for a task that was not assigned, stopped that is wanted, or removed that
 * is assigned, whatever servers are there or not.
 */
export function agentsObeyTheHighest({ broken }: CheckContext): Check {
  /** The newest state of each node and the one before, which its agent may still be acting on. */
  const caches = new Map<string, readonly Text[]>()
  const highest = new Map<string, Authority>()
  /** Nodes whose agent is going down and takes its tasks with it. */
  const parking = new Set<string>()
  /** Tasks whose first start may have come to nothing, so that their agent begins anew. */
  const doubtful = new Set<string>()
  /** Tasks that were given up with their node: its agent acts on what it knew until it has heard of that. */
  const lost = new Set<string>()
  return {
    onCommit: (written) => {
      for (const { key, after } of written)
        if (key.startsWith('task/') && (after as Task | null)?.status.state === 'lost')
          lost.add(key.slice('task/'.length))
    },
    onFact: (fact) => {
      if (fact.kind === 'cached') {
        caches.set(fact.node, [new Text(fact.text), ...(caches.get(fact.node) ?? []).slice(0, 1)])
        const authority = authorityIn(fact.text)
        const before = highest.get(fact.node)
        if (before !== undefined && (authority === null || isBelow(authority, before)))
          broken(`${fact.node} obeyed ${print(before)} and now obeys ${print(authority)}`)
        if (authority !== null) highest.set(fact.node, authority)
      }
      if (fact.kind === 'start-unanswered') doubtful.add(fact.taskId)
      if (fact.kind === 'parking') parking.add(fact.node)
      if (fact.kind === 'agent-died') parking.delete(fact.node)
      const excused = fact.kind === 'call' && isExcused(fact)
      if (fact.kind === 'call' && !excused) {
        const wrong = objection(fact, caches.get(fact.node) ?? [])
        if (wrong !== null) broken(`${fact.node} carried out ${fact.call} of ${fact.container.order.taskId}: ${wrong}`)
      }
    },
  }

  function isExcused({ node, call, container }: Fact & { kind: 'call' }): boolean {
    const { taskId } = container.order
    if (call === 'stop') return parking.has(node) || doubtful.has(taskId)
    return call === 'start' && lost.has(taskId)
  }
}

function objection({ call, container }: Fact & { kind: 'call' }, states: readonly Text[]): string | null {
  const { taskId } = container.order
  const assigned = states.filter((state) => state.assigns(taskId)).length
  if (call === 'remove') return assigned < states.length || states.length === 0 ? null : 'it is assigned'
  if (call === 'create' || call === 'start') return assigned > 0 ? null : 'it is not assigned'
  const mayStop = states.some(({ kept }) => {
    const [task, record] = [kept.tasks.get(taskId), kept.records.get(taskId)]
    if (task === undefined || task.desired === 'stopped' || task.spec.health !== null) return true
    if (task.spec.leaseMs !== null) return true
    return record !== undefined && (record.parked || isTerminal(record.status.state))
  })
  return mayStop ? null : 'it is wanted'
}

function parse(text: string): Kept {
  const { authority, tasks, records } = JSON.parse(text) as {
    authority: Authority | null
    tasks: Task[]
    records: TaskRecord[]
  }
  return {
    authority,
    tasks: new Map(tasks.map((task) => [task.id, task])),
    records: new Map(records.map((record) => [record.taskId, record])),
  }
}

/** Without parsing the rest, which is long and written often. */
function authorityIn(text: string): Authority | null {
  const found = /"authority":(\{[^}]*\})/.exec(text.slice(0, 400))
  return found?.[1] === undefined ? null : (JSON.parse(found[1]) as Authority)
}

function isBelow(a: Authority, b: Authority): boolean {
  if (a.clusterId !== b.clusterId) return true
  // With another life of the state epochs and revisions begin anew.
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.revision < b.revision)
}

function print(authority: Authority | null): string {
  return authority === null
    ? 'nobody'
    : `${authority.clusterId} epoch ${authority.epoch} revision ${authority.revision}`
}

import { OperationalError } from '../core/errors.ts'
import type { Event } from '../core/model/event.ts'
import type { Node } from '../core/model/node.ts'
import { keyOf } from '../core/model/objects.ts'
import type { Explanation } from '../core/model/view.ts'
import { explainNode } from '../core/node/explain.ts'
import { explainService, explainTask } from '../core/service/explain.ts'
import type { Api } from './api.ts'
import type { World } from './world.ts'

/** What led somewhere is told on one screen. */
const EXPLAINING_EVENTS = 20

export interface ExplainDeps {
  readonly api: Pick<Api, 'events' | 'service'>
  readonly world: World
}

/** Why something is as it is. Throws NOT_FOUND for what is not there. */
export function explainObject(object: string, { api, world }: ExplainDeps): Explanation {
  const eventsOf = (about: string): readonly Event[] =>
    api.events({ after: null, service: null, object: about, limit: EXPLAINING_EVENTS })
  const name = object.replace(/^(task|service)\//, '')
  const task = world.mirror.get(keyOf('task', name))?.value
  const around = { nodes: world.nodes(), tasks: world.tasks() }
  if (task !== undefined) return explainTask(task, eventsOf(`task/${name}`), around)
  if (world.serviceNames().has(name)) {
    const events = api.events({ after: null, service: name, object: null, limit: EXPLAINING_EVENTS })
    return explainService(api.service(name), events, around)
  }
  const node = nodeCalled(object, around.nodes)
  if (node !== undefined) return explainNode(node, around.tasks, eventsOf(`node/${node.id}`))
  if (world.mirror.get(object as 'manifest/1') !== null) {
    return { object, summary: `${object} exists`, reasons: [], events: eventsOf(object) }
  }
  throw new OperationalError('NOT_FOUND', `there is nothing called ${object}`, {
    hint: 'name a service (web), a task (web.1.1), a node (node/1 or its name) or manifest/3',
  })
}

/** `node/1`, or its name, with `node/` before it or without. */
function nodeCalled(object: string, nodes: readonly Node[]): Node | undefined {
  return nodes.find(({ id, name }) => object === `node/${id}` || object === `node/${name}` || object === name)
}

import type { NodeId } from '../core/model/ids.ts'
import { CLUSTER_KEY } from '../core/model/objects.ts'
import type { NodeChange, Plan } from '../core/model/plan.ts'
import type { ServiceSpec } from '../core/model/service.ts'
import { computeNodePlan } from '../core/plan/node-plan.ts'
import { type PlanDeps, surveyNodes } from './plan-change.ts'
import type { World } from './world.ts'

/** Computes what a change of a node would do; changes nothing. */
export async function planNodeChange(change: NodeChange, deps: PlanDeps): Promise<Plan> {
  const { world, sessions } = deps
  const moves = change.kind === 'node' && (change.set.availability === 'drain' || change.set.placement !== undefined)
  const surveys = moves ? await surveyNodes(wantedSpecs(world), deps) : new Map<NodeId, never>()
  const nodes = world.nodes()
  return computeNodePlan({
    clusterId: world.mirror.get(CLUSTER_KEY)?.value.id ?? '',
    desiredRevision: world.desired,
    change,
    services: wantedSpecs(world),
    tasks: world.tasks(),
    nodes: nodes.map((node) => ({ ...node, runtimes: surveys.get(node.id)?.runtimes ?? node.runtimes })),
    dismissed: world.mirror.list('dismissed').map(({ value }) => value),
    servers: new Set(world.mirror.list('server').map(({ value }) => value.name)),
    connected: new Set(nodes.map(({ id }) => id).filter((id) => sessions.connection(id) !== null)),
    presentImages: new Map([...surveys].map(([id, { presentImages }]) => [id, new Set(presentImages)])),
  })
}

function wantedSpecs(world: World): ServiceSpec[] {
  return [...world.serviceNames()].flatMap((name) => world.wanted(name)?.spec ?? [])
}

import { groupBy } from '../../lib/collections.ts'
import type { Node, RuntimeDescription } from '../model/node.ts'
import type { PlanNote } from '../model/plan.ts'
import { type RuntimeKind, runtimeOf, type ServiceSpec, specOn } from '../model/service.ts'
import { runtimeWords } from '../schedule/filters.ts'
import { matchesPlacement } from '../service/slots.ts'

/** What is known about fields that a runtime, or this version, cannot do. */
export interface Support {
  readonly unsupportedFields: (
    spec: ServiceSpec,
    runtime: RuntimeDescription,
  ) => readonly { readonly field: string; readonly because: string }[]
  readonly refusedFeatures: (spec: ServiceSpec) => readonly { readonly field: string; readonly because: string }[]
}

/** Why a service cannot be applied in this cluster at all. */
export function blockersOf(spec: ServiceSpec, nodes: readonly Node[], support: Support): PlanNote[] {
  const blockers = support
    .refusedFeatures(spec)
    .map(({ field, because }): PlanNote => ({ service: spec.name, field, message: because }))
  const kind = runtimeOf(spec)
  const members = nodes.filter((node) => node.status !== 'removed')
  const missing = members.length > 0 && !members.some((node) => runtimeOn(node, kind)?.available === true)
  return missing ? [...blockers, { service: spec.name, field: null, message: noRuntime(members, kind) }] : blockers
}

function noRuntime(nodes: readonly Node[], kind: RuntimeKind): string {
  const mute = nodes.filter((node) => runtimeOn(node, kind) !== undefined)
  const why = [...new Set(mute.map((node) => runtimeWords(node, kind)))].sort()
  const what = kind === 'docker' ? 'no node runs containers' : 'no node runs processes'
  return why.length === 0 ? what : `${what}: ${why.join('; ')}`
}

/** What a user should know of a service although it hinders nothing. */
export function notesOf(spec: ServiceSpec, nodes: readonly Node[], support: Support): PlanNote[] {
  const homes = nodes.filter((node) => node.status !== 'removed' && matchesPlacement(spec, node))
  if (homes.length === 0 && spec.placements.length > 0) {
    const message = `no node has placement ${spec.placements.join(' or ')}: nothing will run`
    return [{ service: spec.name, field: 'placements', message }]
  }
  const kind = runtimeOf(spec)
  const able = homes.flatMap((node) =>
    node.runtimes.filter((one) => one.kind === kind && one.available).map((runtime) => ({ node, runtime })),
  )
  const found = able.flatMap(({ node, runtime }) =>
    support.unsupportedFields(specOn(spec, node.placement), runtime).map((field) => ({ ...field, node: node.id })),
  )
  const alike = groupBy(found, ({ field, because }) => `${field} ${because}`)
  return [...alike.values()].flatMap((group) => {
    const where = group.length === able.length ? '' : ` (on node ${group.map(({ node }) => node).join(', ')})`
    return group
      .slice(0, 1)
      .map(({ field, because }) => ({ service: spec.name, field, message: `has no effect: ${because}${where}` }))
  })
}

function runtimeOn(node: Node, kind: RuntimeKind): RuntimeDescription | undefined {
  return node.runtimes.find((runtime) => runtime.kind === kind)
}

import { groupBy } from '../../lib/collections.ts'
import { manifestName } from '../manifest/field-names.ts'
import type { Node, RuntimeDescription } from '../model/node.ts'
import type { PlanNote } from '../model/plan.ts'
import { type RuntimeKind, runtimeOf, type ServiceSpec, specOn } from '../model/service.ts'
import { runtimeWords } from '../schedule/filters.ts'
import { matchesPlacement } from '../service/slots.ts'

/** Of one field on one node. */
interface Remark {
  readonly field: string
  readonly because: string
  /** Whether a task is refused there rather than run without. */
  readonly refused: boolean
}

/** What is known about fields that a runtime, or this version, cannot do. */
export interface Support {
  readonly unsupportedFields: (spec: ServiceSpec, runtime: RuntimeDescription) => readonly Remark[]
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
    remarksOn(specOn(spec, node.placement), node, runtime, support).map((remark) => ({ ...remark, node: node.id })),
  )
  const alike = groupBy(found, ({ field, because }) => `${field} ${because}`)
  return [...alike.values()].flatMap((group) => {
    const where = [...new Set(group.map(({ node }) => node))]
    const there = where.length === able.length ? '' : ` (on node ${where.join(', ')})`
    return group.slice(0, 1).map(({ field, because, refused }) => ({
      service: spec.name,
      field,
      message: `${refused ? 'is refused' : 'has no effect'}: ${because}${there}`,
    }))
  })
}

function remarksOn(spec: ServiceSpec, node: Node, runtime: RuntimeDescription, support: Support): Remark[] {
  return [...support.unsupportedFields(spec, runtime), ...beyondCpus(spec, node)]
}

/** Limits in terms of CPUs that a node does not have: its engine, or its kernel, refuses them. */
function beyondCpus({ container }: ServiceSpec, { capacity }: Node): Remark[] {
  const { cpuMillis, cpusetCpus } = container.limits
  const cpus = Math.floor(capacity.cpuMillis / 1_000)
  const because = `the node has ${cpus === 1 ? '1 CPU' : `${cpus} CPUs`}`
  const named = (cpusetCpus ?? '').split(/[,-]/).filter((part) => part !== '')
  const remarks: Remark[] = []
  if (container.image !== null && cpuMillis !== null && cpuMillis > capacity.cpuMillis)
    remarks.push({ field: manifestName('limits.cpuMillis'), because, refused: true })
  if (named.some((cpu) => Number(cpu) >= cpus))
    remarks.push({ field: manifestName('limits.cpusetCpus'), because: `${because}, from 0 on`, refused: true })
  return remarks
}

function runtimeOn(node: Node, kind: RuntimeKind): RuntimeDescription | undefined {
  return node.runtimes.find((runtime) => runtime.kind === kind)
}

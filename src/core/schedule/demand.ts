import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { cell } from './column.ts'
import { fits, type Question } from './filters.ts'
import { type Fleet, type Holder, holdersOf, nodeAt } from './fleet.ts'
import { type Need, needOn } from './need.ts'

/** What the tasks of one service, made from one spec, need: worked out once, asked for every node. */
export interface Demand {
  readonly spec: ServiceSpec
  readonly shape: string
  /** By position of the placement in the fleet; null: the service does not run in that placement. */
  readonly needs: readonly (Need | null)[]
}

/** Works out the demand of a spec in a fleet. */
export function demandOf(spec: ServiceSpec, fleet: Fleet): Demand {
  const needs = fleet.placements.map((placement) =>
    spec.placements.length === 0 || spec.placements.includes(placement) ? needIn(fleet, spec, placement) : null,
  )
  return { spec, shape: shapeOf(spec), needs }
}

function needIn(fleet: Fleet, spec: ServiceSpec, placement: string): Need {
  return needOn(spec, placement, (key) => holdersOf(fleet, key))
}

/** What the filters are asked about a node. */
export function ask(fleet: Fleet, at: number, { spec, needs }: Demand): Question {
  const node = nodeAt(fleet, at)
  const need = needs[cell(fleet.placement, at)] ?? null
  return {
    ...{ fleet, at, node, instead: null },
    need: need ?? needIn(fleet, spec, node.placement),
    missingPlacements: need === null ? spec.placements : [],
  }
}

/** Whether the node at a position can take a task of this demand; if so, what the task needs there. */
export function takes(fleet: Fleet, at: number, demand: Demand, instead: Holder | null): Need | null {
  const need = demand.needs[cell(fleet.placement, at)] ?? null
  return need !== null && fits(fleet, at, need, instead) ? need : null
}

/** Equal for specs that need the same of a node. */
export function shapeOf({ mode, placements, variants, container, resources, update, exclusive }: ServiceSpec): string {
  const { image, networkMode, ports } = container
  return JSON.stringify([
    mode,
    placements,
    variants,
    image === null,
    networkMode,
    ports,
    resources,
    update.order,
    exclusive,
  ])
}

/** Tasks that spread over the nodes together. Those of an older spec are on their way out and do not count. */
export function generationOf({ service, specHash }: Task): string {
  return `${service} ${specHash}`
}

import type { PlanNote } from '../../core/model/plan.ts'
import type { WirePlan } from '../../transport/wire.ts'
import type { Style } from './style.ts'
import { printable } from './table.ts'

/** In which order machines get a version, and what follows when all have it. */
export function upgradeText(plan: WirePlan, version: string, style: Style): string {
  const { nodes, level, notes, blockers } = plan
  if (nodes.length === 0 && level === null && blockers.length === 0) return `Every machine runs ${printable(version)}.`
  const steps = nodes.map(({ node, name, fields, consequence }, at) => {
    const [{ from = '', to = '' } = {}] = fields
    const head = `${String(at + 1).padStart(3)}. node ${node}  ${printable(name)}  ${printable(from)} → ${printable(to)}`
    return consequence === '' ? head : `${head}\n     ${style.heading(printable(consequence))}`
  })
  const parts = steps.length === 0 ? [] : [`To ${printable(version)}, in this order:`, ...steps]
  if (level !== null) {
    const when = steps.length === 0 ? `Every machine runs ${printable(version)}` : 'When all have it'
    parts.push(`${when}: the cluster goes from level ${level.from} to ${level.to}.`)
  }
  // While there are steps, what stands in the way of the end is the steps themselves.
  return [...parts, ...notes.map(noteText), ...(steps.length === 0 ? blockers.map(noteText) : [])].join('\n')
}

function noteText({ message }: PlanNote): string {
  return `  ${printable(message)}`
}

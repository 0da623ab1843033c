import { type ActionKind, isEmptyPlan, type NodeAction, type PlanAction, type PlanNote } from '../../core/model/plan.ts'
import type { WirePlan } from '../../transport/wire.ts'
import type { Style } from './style.ts'
import { printable } from './table.ts'

const SYMBOLS: Readonly<Record<ActionKind, string>> = { add: '+', update: '~', replace: '-/+', remove: '-' }
const WORDS: Readonly<Record<ActionKind, string>> = {
  add: 'is added',
  update: 'changes in place',
  replace: 'is replaced',
  remove: 'is removed',
}

/** A plan as a person reads it: what, why, with which consequence, and what it costs. */
export function planText(plan: WirePlan, style: Style): string {
  const parts = [
    ...plan.nodes.map((action) => nodeActionText(action, style)),
    ...plan.actions.map((action) => actionText(action, style)),
  ]
  if (plan.pulls.length > 0) parts.push(`Images to pull: ${plan.pulls.join(', ')}`)
  if (plan.notes.length > 0) parts.push(notesText('Notes', plan.notes, style.warning))
  if (plan.blockers.length > 0) parts.push(notesText('It cannot be applied', plan.blockers, style.bad))
  if (!isEmptyPlan(plan)) parts.push(summaryText(plan))
  else if (plan.blockers.length === 0) parts.push('No changes: what is wanted is what there is.')
  return parts.join('\n\n')
}

/** `2 to add, 1 to change, 1 to replace, 0 to remove` */
export function summaryText({ change, summary, nodes }: Pick<WirePlan, 'change' | 'summary' | 'nodes'>): string {
  if (change.kind === 'rotate-authority')
    return `Plan: another authority; ${nodes.length === 1 ? '1 node gets a certificate' : `${nodes.length} nodes get certificates`} of it.`
  if (change.kind === 'rotate-cluster-key')
    return `Plan: another cluster key for ${nodes.length === 1 ? '1 server' : `${nodes.length} servers`}; nothing that runs is touched.`
  const [node] = nodes
  const tasks = summary.update + summary.replace
  if (node !== undefined)
    return `Plan: node ${node.node} ${NODE_WORDS[node.kind]}; ${tasks === 1 ? '1 service' : `${tasks} services`} to change.`
  return `Plan: ${summary.add} to add, ${summary.update} to change, ${summary.replace} to replace, ${summary.remove} to remove.`
}

const NODE_SYMBOLS: Readonly<Record<NodeAction['kind'], string>> = {
  change: '~',
  remove: '-',
  fence: '-',
  replace: '-/+',
  upgrade: '~',
}

const NODE_WORDS: Readonly<Record<NodeAction['kind'], string>> = {
  change: 'changes',
  remove: 'is removed',
  fence: 'is fenced',
  replace: 'is replaced',
  upgrade: 'is to be upgraded',
}

function nodeActionText({ node, name, kind, fields, consequence }: NodeAction, style: Style): string {
  const symbol = NODE_SYMBOLS[kind]
  const paint = kind === 'remove' || kind === 'fence' ? style.removed : style.changed
  const lines = [paint(`${symbol.padStart(3)} node ${node}  ${NODE_WORDS[kind]}  (${printable(name)})`)]
  for (const { field, from, to } of fields) lines.push(`      ${printable(field)}: ${shown(from)} → ${shown(to)}`)
  if (consequence !== '') lines.push(style.heading(`      ${printable(consequence)}`))
  return lines.join('\n')
}

function actionText(action: PlanAction, style: Style): string {
  const paint = action.kind === 'add' ? style.added : action.kind === 'remove' ? style.removed : style.changed
  const count = action.tasks.length === 1 ? '1 task' : `${action.tasks.length} tasks`
  const head = `${SYMBOLS[action.kind].padStart(3)} ${action.service}  ${WORDS[action.kind]}  (${printable(action.subject)}, ${count})`
  const lines = [paint(head), `      because ${action.because}`]
  for (const { field, from, to, effect } of action.fields) {
    const forces = effect === 'replace' && action.kind === 'replace' ? style.warning('  # forces replacement') : ''
    lines.push(`      ${field}: ${shown(from)} → ${shown(to)}${forces}`)
  }
  if (action.consequence !== '') lines.push(style.heading(`      ${action.consequence}`))
  return lines.join('\n')
}

function shown(value: string): string {
  return value === '' ? '(none)' : printable(value)
}

function notesText(title: string, notes: readonly PlanNote[], paint: (text: string) => string): string {
  const lines = notes.map(({ service, field, message }) => {
    const where = [service, field].filter((part) => part !== null).join(': ')
    return `  ${where === '' ? '' : `${where}: `}${printable(message)}`
  })
  return [paint(`${title}:`), ...lines].join('\n')
}

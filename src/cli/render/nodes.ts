import type { RuntimeDescription } from '../../core/model/node.ts'
import type { NodeView } from '../../core/model/view.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import type { Style } from './style.ts'
import { type Cell, printable, table } from './table.ts'

const GIB = 1024 ** 3

/** Nodes, one line each. */
export function nodesText(nodes: readonly NodeView[], { style, width }: Format): string {
  if (nodes.length === 0) return 'No nodes.'
  const rows = nodes.map((node) => [
    String(node.id),
    node.name,
    { text: node.role ?? '-', ...(node.role === 'leader' ? { paint: style.good } : {}) },
    node.address ?? '-',
    status(node, style),
    node.availability,
    node.placement,
    String(node.tasks),
    node.runtimes
      .map(({ kind, available, version }) => `${kind} ${available ? version : '(no answer)'}`.trim())
      .join(', '),
    capacity(node),
  ])
  return table(
    ['ID', 'NAME', 'ROLE', 'ADDRESS', 'STATUS', 'AVAILABILITY', 'PLACEMENT', 'TASKS', 'RUNTIMES', 'CAPACITY'],
    rows,
    width,
  )
}

/** Everything about one node. */
export function nodeText(node: NodeView, { style, now }: Format): string {
  const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`)
  const { text, paint = (same) => same } = status(node, style)
  const why = node.status === 'unreachable' ? `; \`gantry explain node/${node.id}\` says why` : ''
  const lines = [
    `node          ${node.id}, ${printable(node.name)} on ${printable(node.hostname)}`,
    `role          ${node.role ?? '-'}`,
    `status        ${paint(text)}, ${node.availability}${why}`,
    `tasks         ${node.tasks}`,
    `placement     ${node.placement}`,
    `region, zone  ${node.region ?? '-'}, ${node.zone ?? '-'}`,
    `address       ${node.address ?? '-'}, for the outside ${node.publicAddress ?? '-'}`,
    `labels        ${labels.length === 0 ? '-' : printable(labels.join(' '))}`,
    `capacity      ${capacity(node)}`,
    `version       ${node.version}`,
    `joined        ${age(node.joinedAt, now)} ago`,
  ]
  return [...lines, ...node.runtimes.flatMap((runtime) => ['', ...runtimeLines(runtime, style)])].join('\n')
}

function runtimeLines({ kind, available, version, message, unsupported }: RuntimeDescription, style: Style): string[] {
  const state = available ? style.good('available') : style.bad('no answer')
  const head = [`${kind} ${version}`.trim(), state, message].filter((part) => part !== '').join(', ')
  const reasons = new Map<string, string[]>()
  for (const [what, why] of Object.entries(unsupported)) reasons.set(why, [...(reasons.get(why) ?? []), what])
  return [head, ...[...reasons].map(([why, what]) => `  cannot do ${what.join(', ')}: ${printable(why)}`)]
}

function status(
  { status: of, reserved, tasks }: NodeView,
  style: Style,
): Cell & { readonly paint: (text: string) => string } {
  const text = reserved ? 'no machine yet' : of === 'draining' ? `${of}, ${tasks} left` : of
  return { text, paint: of === 'ready' ? style.good : of === 'draining' ? style.warning : style.bad }
}

function capacity({ capacity: { cpuMillis, memoryBytes } }: NodeView): string {
  const cores = cpuMillis / 1_000
  return `${cores} ${cores === 1 ? 'core' : 'cores'}, ${Math.round((memoryBytes / GIB) * 10) / 10} GiB`
}

import type { ManifestRevision } from '../../core/model/manifest.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'

/** Manifest revisions, one line each. */
export function revisionsText(
  revisions: readonly Omit<ManifestRevision, 'text'>[],
  { style, width, now }: Format,
): string {
  if (revisions.length === 0) return 'No manifest was applied yet.'
  const rows = revisions.map(({ number, state, cause, by, createdAt, message }) => [
    String(number),
    { text: state, paint: paintOf(state, style) },
    cause,
    by,
    age(createdAt, now),
    message,
  ])
  return table(['REVISION', 'STATE', 'CAUSE', 'BY', 'AGE', ''], rows, width)
}

function paintOf(state: ManifestRevision['state'], style: Style): (text: string) => string {
  switch (state) {
    case 'applied':
      return style.good
    case 'failed':
      return style.bad
    case 'progressing':
      return style.warning
    default:
      return style.quiet
  }
}

import type { Event } from '../../core/model/event.ts'
import type { Explanation } from '../../core/model/view.ts'
import type { Style } from './style.ts'
import { printable } from './table.ts'

const WIDEST_KIND = 19

/** One event on one line: when (UTC), what, why, by whom. */
export function eventText({ at, kind, message, by }: Event, style: Style): string {
  const when = new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
  return `${style.quiet(when)}  ${kind.padEnd(WIDEST_KIND)} ${printable(message)} ${style.quiet(`(${printable(by)})`)}`
}

/** Why something is as it is. */
export function explanationText({ summary, reasons, events }: Explanation, style: Style): string {
  const lines = [style.heading(printable(summary)), ...reasons.map((reason) => `  - ${printable(reason)}`)]
  if (events.length > 0) lines.push('', 'What led there:', ...events.map((event) => `  ${eventText(event, style)}`))
  return lines.join('\n')
}

import type { RevisionProgress, ServiceView } from '../../core/model/view.ts'
import type { ProgressLine } from '../presenter.ts'
import type { Style } from './style.ts'
import { printable } from './table.ts'

/** How far each service of a manifest revision has come, one line each, the names aligned. */
export function progressLines({ revision, services }: RevisionProgress, style: Style): readonly ProgressLine[] {
  const widest = Math.max(0, ...services.map(({ name }) => name.length))
  return services.map((service) => {
    const goes = revision.removes.includes(service.name)
    const text = `  ${service.name.padEnd(widest)}  ${printable(goes ? leaving(service) : coming(service))}`
    return { name: service.name, text, paint: goes ? style.removed : paintOf(service, style) }
  })
}

function leaving({ running, message }: ServiceView): string {
  if (running === 0) return 'is removed'
  return `is removed, ${running} still running${message === '' ? '' : `: ${message}`}`
}

function coming({ mode, ready, current, replicas, health, message }: ServiceView): string {
  if (mode === 'job') return health === 'healthy' ? 'done' : message
  const count =
    current === ready ? `${ready} of ${replicas} ready` : `${current} of ${replicas} updated, ${ready} ready`
  const state = health === 'healthy' ? 'healthy' : message
  return state === '' ? count : `${count}, ${state}`
}

function paintOf({ health }: ServiceView, style: Style): (text: string) => string {
  if (health === 'healthy') return style.good
  return health === 'paused' ? style.quiet : (text) => text
}

import type { ServiceDetail, ServiceView } from '../../core/model/view.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import type { Style } from './style.ts'
import { type Cell, table } from './table.ts'
import { tasksText } from './tasks.ts'

const HEADER = ['SERVICE', 'HEALTH', 'READY', 'MODE', 'RUNS', 'CHANGED', '']

/** Services, one line each, with what hinders those that are not healthy. */
export function servicesText(services: readonly ServiceView[], { style, width, now }: Format): string {
  if (services.length === 0) return 'No services.'
  const rows = services.map((service) => [
    service.name,
    health(service, style),
    isDone(service) ? 'done' : `${service.ready}/${service.replicas}`,
    service.mode,
    service.image ?? service.runtime,
    service.updatedAt === 0 ? '-' : age(service.updatedAt, now),
    service.message,
  ])
  return table(HEADER, rows, width)
}

/** One service with its tasks, ended ones too. */
export function serviceText(service: ServiceDetail, format: Format): string {
  return `${servicesText([service], format)}\n\n${tasksText(service.tasks, format)}`
}

/** A job that has run to its end has nothing that could be ready. */
function isDone({ mode, health: of, ready, running }: ServiceView): boolean {
  return mode === 'job' && of === 'healthy' && ready === 0 && running === 0
}

function health({ health: of }: ServiceView, style: Style): Cell {
  const paints = { healthy: style.good, degraded: style.warning, unhealthy: style.bad, paused: style.quiet }
  return { text: of, paint: paints[of] }
}

import * as z from 'zod'
import { API_PREFIX, type WireMetric } from '../wire.ts'
import { metricsText } from './metrics.ts'
import { authorityRoutes } from './routes/authority.ts'
import { backupRoutes } from './routes/backups.ts'
import { clusterRoutes } from './routes/cluster.ts'
import { goclusterRoutes } from './routes/gocluster.ts'
import { gokubeRoutes } from './routes/gokube.ts'
import { joinTokenRoutes } from './routes/join-tokens.ts'
import { manifestRoutes } from './routes/manifest.ts'
import { jsonRoute, type Route, textRoute } from './routes/route.ts'
import { serviceRoutes } from './routes/services.ts'
import { dispatchRoutes, taskRoutes } from './routes/tasks.ts'
import { metric } from './schemas/cluster.ts'
import { listOf } from './schemas/named.ts'

export interface RouteSources {
  readonly version: string
  /** Name of this server; left out: that of the leader, where there is only one. */
  readonly serverName?: string
  /** The OpenAPI document of the table itself. */
  readonly openapi: () => Readonly<Record<string, unknown>>
  readonly metrics: () => readonly WireMetric[]
}

/** Every route there is: what the server serves, the OpenAPI document describes and the tests go through. */
export function allRoutes(sources: RouteSources): readonly Route[] {
  const own = [
    ...clusterRoutes(sources.version),
    ...manifestRoutes,
    ...serviceRoutes,
    ...taskRoutes,
    ...dispatchRoutes,
    ...joinTokenRoutes,
    ...backupRoutes,
    ...authorityRoutes,
    jsonRoute({
      method: 'GET',
      path: '/cluster/metrics',
      summary: 'Metrics of the server that leads, as `/metrics` has those of each server for Prometheus.',
      access: 'node',
      response: listOf(metric),
      handle: () => sources.metrics(),
    }),
    jsonRoute({
      method: 'GET',
      path: '/openapi.json',
      summary: 'This description.',
      response: z.record(z.string(), z.unknown()),
      handle: () => sources.openapi(),
    }),
  ]
  return [
    ...own.map((route) => ({ ...route, path: `${API_PREFIX}${route.path}` })),
    textRoute({
      method: 'GET',
      path: '/metrics',
      ofItself: true,
      summary: 'Metrics as Prometheus text.',
      response: z.string(),
      handle: () => metricsText(sources.metrics()),
    }),
    ...gokubeRoutes,
    ...goclusterRoutes(sources.serverName ?? null),
  ]
}

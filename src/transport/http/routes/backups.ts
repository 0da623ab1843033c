import * as z from 'zod'
import { backupView } from '../schemas/backup.ts'
import { listOf } from '../schemas/named.ts'
import { jsonRoute, type Route, streamRoute } from './route.ts'

export const backupRoutes: readonly Route[] = [
  jsonRoute({
    method: 'POST',
    path: '/backups',
    summary: 'Makes a backup of the whole state, which the server that leads keeps.',
    status: 201,
    body: z.strictObject({ name: z.string().min(1).max(100).optional().describe('Left out: one of its own.') }),
    response: backupView,
    handle: (api, { body: { name = null } }) => api.createBackup(name),
  }),
  jsonRoute({
    method: 'GET',
    path: '/backups',
    summary: 'The backups that the server that leads keeps, the newest first.',
    response: listOf(backupView),
    handle: (api) => api.backups(),
  }),
  streamRoute({
    method: 'GET',
    path: '/backup',
    summary: 'A backup of the whole state as it is now: its lines, each as a JSON string.',
    kind: 'lines',
    response: z.string(),
    handle: (api) => api.backUp(),
  }),
  jsonRoute({
    method: 'POST',
    path: '/cluster/settle',
    summary: 'Tasks that a state which was put back does not know are removed from now on.',
    body: z.strictObject({}),
    response: z.strictObject({ settled: z.boolean().describe('False: there was nothing to settle.') }),
    handle: async (api, { caller }) => ({ settled: await api.settle(caller) }),
  }),
]

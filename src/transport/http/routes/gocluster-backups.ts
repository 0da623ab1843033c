import * as z from 'zod'
import { goclusterBackup } from '../../../core/compat/gocluster-backups.ts'
import { OperationalError } from '../../../core/errors.ts'
import { goclusterBackupForm, goclusterBackupsForm } from '../schemas/gocluster.ts'
import { jsonRoute, type Route } from './route.ts'

const byName = z.strictObject({ name: z.string().min(1).max(100) })

/** Backups for programs written for GoCluster, whose server never had them. */
export const goclusterBackupRoutes: readonly Route[] = [
  jsonRoute({
    method: 'POST',
    path: '/api/backup/create/:name',
    summary: 'Makes a backup of the whole state under that name.',
    params: byName,
    response: goclusterBackupForm,
    handle: async (api, { params }) => {
      return { success: true as const, data: goclusterBackup(await api.createBackup(params.name), iso) }
    },
  }),
  jsonRoute({
    method: 'GET',
    path: '/api/backup/list',
    summary: 'The backups that are kept, the newest first.',
    response: goclusterBackupsForm,
    handle: async (api) => {
      return { success: true as const, data: (await api.backups()).map((backup) => goclusterBackup(backup, iso)) }
    },
  }),
  jsonRoute({
    method: 'POST',
    path: '/api/backup/restore/:name',
    summary: 'Says how a backup is put back: not while servers run.',
    params: byName,
    response: goclusterBackupForm,
    handle: async (api, { params }) => {
      if (!(await api.backups()).some(({ name }) => name === params.name))
        throw new OperationalError('NOT_FOUND', `there is no backup ${params.name}`)
      throw new OperationalError('PREREQUISITE', `cannot put ${params.name} back while the cluster runs`, {
        hint: 'stop its servers, then run `gantry backup restore FILE` at one of them; tasks run on meanwhile',
      })
    },
  }),
]

function iso(at: number): string {
  return new Date(at).toISOString()
}

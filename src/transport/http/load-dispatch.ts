import { createHash, randomUUID } from 'node:crypto'
import { OperationalError } from '../../core/errors.ts'
import type { ServiceSpec } from '../../core/model/service.ts'

export interface DispatchOrder {
  readonly id: string
  readonly name: string
  readonly spec: ServiceSpec
}

/**
 * Makes the order for a task of its own from a service document. It runs to completion; where its restart policy
 * lets it never end, it is one replica instead. Throws SPEC_INVALID with all problems.
 */
export async function loadDispatch(id: string, document: Readonly<Record<string, unknown>>): Promise<DispatchOrder> {
  const { loadManifest } = await import('../../core/manifest/load.ts')
  const name = String(document['name'])
  const forever = document['restart_policy'] === 'always' || document['restart_policy'] === 'unless-stopped'
  const complete = { mode: forever ? 'replicated' : 'job', replicas: 1, ...document }
  // JSON is YAML, so the loader reads a document from here as it reads a file, and finds the same problems.
  const { manifest, problems } = loadManifest(JSON.stringify(complete), null)
  const [spec] = Object.values(manifest?.services ?? {})
  const shown = problems.map((problem) => ({ ...problem, line: null, column: null }))
  if (spec === undefined)
    throw new OperationalError('SPEC_INVALID', `the task ${name} has problems`, { problems: shown })
  if (spec.mode === 'global' || spec.replicas !== 1) {
    throw new OperationalError('SPEC_INVALID', `a task of its own is one task, not several`, {
      hint: 'declare a service in the manifest for more',
    })
  }
  return { id, name, spec }
}

/** The id of a task that the caller gave none: a new one, and the same again for the same idempotency key. */
export function newDispatchId(idempotencyKey: string | null): string {
  if (idempotencyKey === null) return randomUUID()
  const hex = createHash('sha256').update(idempotencyKey).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

import { OperationalError } from '../../core/errors.ts'
import type { Note } from '../../core/manifest/load.ts'
import type { Change, Plan, PlanNote } from '../../core/model/plan.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { ChangeRequest, Validation, WirePlan } from '../wire.ts'

/** A change that the server can carry out, and what its manifest gives to think about. */
export interface LoadedChange {
  readonly change: Change
  readonly notes: readonly PlanNote[]
}

/** Loads the manifest of an apply. Throws SPEC_INVALID with all its problems. */
export async function loadChange(request: ChangeRequest): Promise<LoadedChange> {
  if (request.kind !== 'apply') return { change: request, notes: [] }
  const { text, file } = request
  const { manifest, problems, notes } = await load(text, file)
  if (manifest === null) {
    const what = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    throw new OperationalError('SPEC_INVALID', `${file ?? 'the manifest'} has ${what}`, { problems })
  }
  return { change: { kind: 'apply', manifest, text }, notes: notes.map(planNote) }
}

/** All that can be said of a manifest without a cluster. */
export async function validateText(text: string, file: string | null): Promise<Validation> {
  const { manifest, problems, notes } = await load(text, file)
  return {
    problems,
    notes,
    services: Object.keys(manifest?.services ?? {}),
    placements: manifest?.placements ?? [],
  }
}

/** A plan as the client gets it: with the text in place of the manifest, and the notes of the loader before its own. */
export function toWirePlan(plan: Plan, request: ChangeRequest, notes: readonly PlanNote[]): WirePlan {
  return { ...plan, change: request, notes: [...notes, ...plan.notes] }
}

/** A plan that a client sent back, for the change that came with it. Throws USAGE when it was made for another one. */
export function fromWirePlan(plan: WirePlan, request: ChangeRequest, change: Change): Plan {
  if (canonicalJson(plan.change) !== canonicalJson(request)) {
    throw new OperationalError('USAGE', 'the plan was made for another change than the one to apply', {
      hint: 'send the change that stands in the plan',
    })
  }
  return { ...plan, change }
}

async function load(text: string, file: string | null) {
  // The loader and its YAML parser are needed by few requests, so not at the start.
  const { loadManifest } = await import('../../core/manifest/load.ts')
  return loadManifest(text, file)
}

/** The service and field that a loader's path is about. */
function planNote({ path, message }: Note): PlanNote {
  const [, service, field] = /^services\.([\w-]+)(?:\.(.+))?$/.exec(path) ?? []
  if (service === undefined) return { service: null, field: path, message }
  return { service, field: field ?? null, message }
}

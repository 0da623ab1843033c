import type { Change } from '../../../src/core/model/plan.ts'
import type { ServiceSpec } from '../../../src/core/model/service.ts'
import type { Check, CheckContext } from '../checks.ts'

/**
 * Promise 2: an apply is there whole when it becomes the desired one, says what its user asked for, is made once however
 * often it is repeated, and is still there after it was acknowledged.
 */
export function appliesAreWhole({ shadow, broken, requests }: CheckContext): Check {
  let desired = 0
  const revisionOf = new Map<string, number>()
  const specsOf = new Map<number, ReadonlyMap<string, ServiceSpec>>()
  return {
    onCommit: (written) => {
      if (!written.some(({ key, before, after }) => key === 'desired/self' && before !== after)) return
      const number = shadow.desired
      if (number <= desired) broken(`manifest ${number} became the desired one after ${desired}`)
      const before = specsOf.get(desired) ?? new Map()
      desired = number
      const manifest = shadow.manifest(number)
      const specs = shadow.specs(number)
      specsOf.set(number, specs)
      if (manifest?.state !== 'progressing') return broken(`manifest ${number} is desired and ${manifest?.state}`)
      const named = manifest.services.join(' ')
      const staged = [...specs.keys()].sort().join(' ')
      if (named !== staged) broken(`manifest ${number} names ${named}, but there are ${staged}`)
      const request = requests.get(manifest.by)
      if (request === undefined) return broken(`manifest ${number} is by ${manifest.by}, who asked for nothing`)
      if (revisionOf.has(request.id)) broken(`${request.id} made manifest ${revisionOf.get(request.id)} and ${number}`)
      revisionOf.set(request.id, number)
      const wrong = objection(request.change, before, specs)
      if (wrong !== null) broken(`manifest ${number} by ${request.id}: ${wrong}`)
    },
    onAnswer: (request) => {
      const { answer, uncertain, id } = request
      const made = revisionOf.get(id) ?? null
      if (answer?.kind === 'refused' && !uncertain && made !== null)
        broken(`${id} was refused (${answer.code}), but made manifest ${made}`)
      if (answer?.kind !== 'accepted') return
      const { revision } = answer.accepted
      if (revision !== made) broken(`${id} was told manifest ${revision}, but made ${made}`)
      if (made !== null && shadow.manifest(made) === null) broken(`manifest ${made} was acknowledged and is gone`)
    },
  }
}

/** What is wrong with the services that a change led to; null: nothing. */
function objection(
  change: Change,
  before: ReadonlyMap<string, ServiceSpec>,
  after: ReadonlyMap<string, ServiceSpec>,
): string | null {
  switch (change.kind) {
    case 'apply': {
      const { services } = change.manifest
      return sameNames(Object.keys(services), after) ?? sameContainers(Object.values(services), after)
    }
    case 'destroy':
      return after.size === 0 ? null : `${after.size} services are left`
    case 'reapply':
      return sameNames(before.keys(), after) ?? sameContainers(before.values(), after)
    case 'scale': {
      const replicas = after.get(change.service)?.replicas
      if (replicas !== change.replicas) return `${change.service} has ${replicas} replicas, not ${change.replicas}`
      return sameNames(before.keys(), after) ?? sameContainers(before.values(), after)
    }
    case 'restart': {
      const grown = (after.get(change.service)?.restartCount ?? 0) - (before.get(change.service)?.restartCount ?? 0)
      return grown === 1 ? sameNames(before.keys(), after) : `the restart count of ${change.service} grew by ${grown}`
    }
    case 'rollback':
      return null
    default:
      return `${change.kind} makes no manifest`
  }
}

function sameNames(expected: Iterable<string>, after: ReadonlyMap<string, ServiceSpec>): string | null {
  const [a, b] = [[...expected].sort().join(' '), [...after.keys()].sort().join(' ')]
  return a === b ? null : `it has ${b}, not ${a}`
}

function sameContainers(expected: Iterable<ServiceSpec>, after: ReadonlyMap<string, ServiceSpec>): string | null {
  for (const { name, container } of expected) {
    if (JSON.stringify(container) !== JSON.stringify(after.get(name)?.container)) return `${name} is another container`
  }
  return null
}

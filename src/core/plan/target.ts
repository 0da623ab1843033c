import { unreachable } from '../../lib/assert.ts'
import { OperationalError } from '../errors.ts'
import type { ServiceName } from '../model/ids.ts'
import type { ManifestChange } from '../model/plan.ts'
import type { ServiceSpec } from '../model/service.ts'

export type Specs = Readonly<Record<ServiceName, ServiceSpec>>

/**
 * Works out which specs a change leads to. `rolledBack`: the specs of the revision that a rollback goes to; null for
 * every other change. Throws NOT_FOUND for an unknown service and USAGE for a scaling that makes no sense.
 */
export function targetOf(change: ManifestChange, current: Specs, rolledBack: Specs | null): Specs {
  switch (change.kind) {
    case 'apply':
      return carryOver(change.manifest.services, current)
    case 'reapply':
      return current
    case 'destroy':
      return {}
    case 'rollback':
      return carryOver(rolledBack ?? {}, current)
    case 'scale': {
      const spec = scalable(change.service, change.replicas, current)
      return { ...current, [spec.name]: { ...spec, replicas: change.replicas } }
    }
    case 'restart': {
      const spec = known(change.service, current, 'restart')
      return { ...current, [spec.name]: { ...spec, restartCount: spec.restartCount + 1 } }
    }
    default:
      return unreachable(change)
  }
}

/**
 * A manifest says neither how often a service was restarted nor, where a scale policy rules, how many replicas it has
 * by now; without that, applying the same file again would replace and scale what nobody asked to.
 */
function carryOver(services: Specs, current: Specs): Specs {
  const carried: Record<ServiceName, ServiceSpec> = {}
  for (const [name, spec] of Object.entries(services)) {
    const before = Object.hasOwn(current, name) ? current[name] : undefined
    carried[name] = before === undefined ? spec : { ...spec, ...whatLasts(spec, before) }
  }
  return carried
}

function whatLasts(spec: ServiceSpec, before: ServiceSpec): Pick<ServiceSpec, 'replicas' | 'restartCount'> {
  const { scale } = spec
  const replicas =
    scale === null || before.scale === null
      ? spec.replicas
      : Math.min(Math.max(before.replicas, scale.minReplicas), scale.maxReplicas)
  return { replicas, restartCount: before.restartCount }
}

function known(name: ServiceName, current: Specs, verb: string): ServiceSpec {
  const spec = Object.hasOwn(current, name) ? current[name] : undefined
  if (spec !== undefined) return spec
  throw new OperationalError('NOT_FOUND', `cannot ${verb} ${name}: there is no such service`, {
    hint: 'gantry services lists them',
  })
}

function scalable(name: ServiceName, replicas: number, current: Specs): ServiceSpec {
  const spec = known(name, current, 'scale')
  const problem = scalingProblem(spec, replicas)
  if (problem !== null) throw new OperationalError('USAGE', `cannot scale ${name} to ${replicas}: ${problem}`)
  return spec
}

function scalingProblem({ mode, scale }: ServiceSpec, replicas: number): string | null {
  if (!Number.isSafeInteger(replicas) || replicas < 0) return 'replicas are a whole number from 0'
  if (mode === 'global') return 'a global service has one task on each matching node'
  if (mode === 'job') return 'a job has one task'
  if (scale === null || (replicas >= scale.minReplicas && replicas <= scale.maxReplicas)) return null
  return `its scale policy allows ${scale.minReplicas} to ${scale.maxReplicas}`
}

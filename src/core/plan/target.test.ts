import { expect, test } from 'vitest'
import { aService } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import { OperationalError } from '../errors.ts'
import type { ManifestChange } from '../model/plan.ts'
import type { ServiceSpec } from '../model/service.ts'
import { type Specs, targetOf } from './target.ts'

const scale = { minReplicas: 2, maxReplicas: 5, targetCpuPercent: 50, targetMemoryPercent: null, cooldownMs: 1 }
const api = aService({ name: 'api', replicas: 4, restartCount: 2 })
const web = aService({ name: 'web', replicas: 4, scale })
const agent = aService({ name: 'agent', mode: 'global', replicas: 0 })
const job = aService({ name: 'job', mode: 'job' })
const current: Specs = { api, web, agent, job }

function applying(...services: readonly ServiceSpec[]): ManifestChange {
  const manifest = { services: Object.fromEntries(services.map((spec) => [spec.name, spec])), placements: [] }
  return { kind: 'apply', manifest, text: '' }
}

test.each<{ name: string; change: ManifestChange; rolledBack?: Specs; target: Specs }>([
  { name: 'applying takes the services of the manifest', change: applying(job), target: { job } },
  {
    name: 'applying keeps how often a service was restarted',
    change: applying({ ...api, restartCount: 0, replicas: 1 }),
    target: { api: { ...api, replicas: 1 } },
  },
  {
    name: 'applying keeps the replicas that a scale policy led to',
    change: applying({ ...web, replicas: 2 }),
    target: { web },
  },
  {
    name: 'applying a narrower scale policy keeps to its bounds',
    change: applying({ ...web, replicas: 1, scale: { ...scale, maxReplicas: 3 } }),
    target: { web: { ...web, replicas: 3, scale: { ...scale, maxReplicas: 3 } } },
  },
  {
    name: 'the first scale policy of a service begins with the replicas of the manifest',
    change: applying({ ...api, replicas: 3, scale }),
    target: { api: { ...api, replicas: 3, scale } },
  },
  { name: 'applying again wants what is wanted', change: { kind: 'reapply' }, target: current },
  { name: 'destroying wants nothing', change: { kind: 'destroy' }, target: {} },
  {
    name: 'rolling back wants the specs of then, but no restart',
    change: { kind: 'rollback', to: 1 },
    rolledBack: { api: { ...api, replicas: 1, restartCount: 0 } },
    target: { api: { ...api, replicas: 1 } },
  },
  { name: 'rolling back to an empty revision wants nothing', change: { kind: 'rollback', to: null }, target: {} },
  {
    name: 'scaling changes the replicas of one service',
    change: { kind: 'scale', service: 'api', replicas: 0 },
    target: { ...current, api: { ...api, replicas: 0 } },
  },
  {
    name: 'scaling keeps to the scale policy',
    change: { kind: 'scale', service: 'web', replicas: 5 },
    target: { ...current, web: { ...web, replicas: 5 } },
  },
  {
    name: 'restarting counts one restart more',
    change: { kind: 'restart', service: 'api' },
    target: { ...current, api: { ...api, restartCount: 3 } },
  },
])('$name', ({ change, rolledBack = null, target }) => {
  expect(targetOf(deepFreeze(change), deepFreeze(current), deepFreeze(rolledBack))).toEqual(target)
})

test.each<{ name: string; change: ManifestChange; code: string; message: string }>([
  {
    name: 'an unknown service cannot be scaled',
    change: { kind: 'scale', service: 'toString', replicas: 1 },
    code: 'NOT_FOUND',
    message: 'cannot scale toString: there is no such service',
  },
  {
    name: 'an unknown service cannot be restarted',
    change: { kind: 'restart', service: 'db' },
    code: 'NOT_FOUND',
    message: 'cannot restart db: there is no such service',
  },
  {
    name: 'a global service cannot be scaled',
    change: { kind: 'scale', service: 'agent', replicas: 2 },
    code: 'USAGE',
    message: 'cannot scale agent to 2: a global service has one task on each matching node',
  },
  {
    name: 'a job cannot be scaled',
    change: { kind: 'scale', service: 'job', replicas: 2 },
    code: 'USAGE',
    message: 'cannot scale job to 2: a job has one task',
  },
  ...[1, 6].map((replicas) => ({
    name: `a scale policy of 2 to 5 does not allow ${replicas}`,
    change: { kind: 'scale' as const, service: 'web', replicas },
    code: 'USAGE',
    message: `cannot scale web to ${replicas}: its scale policy allows 2 to 5`,
  })),
  ...[-1, 1.5].map((replicas) => ({
    name: `there are no ${replicas} replicas`,
    change: { kind: 'scale' as const, service: 'api', replicas },
    code: 'USAGE',
    message: `cannot scale api to ${replicas}: replicas are a whole number from 0`,
  })),
])('$name', ({ change, code, message }) => {
  const attempt = () => targetOf(change, current, null)
  expect(attempt).toThrow(OperationalError)
  expect(attempt).toThrow(expect.objectContaining({ code, message }))
})

test('a change that the types do not know has no target', () => {
  expect(() => targetOf({ kind: 'wish' } as unknown as ManifestChange, {}, null)).toThrow('wish')
})

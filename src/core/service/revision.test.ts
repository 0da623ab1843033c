import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import type { ManifestRevision } from '../model/manifest.ts'
import { NEW_STATUS, type Task } from '../model/task.ts'
import { judgeRevision, type RevisionInput } from './revision.ts'

const revision: ManifestRevision = {
  number: 3,
  state: 'progressing',
  message: '',
  text: '',
  services: ['web'],
  placements: [],
  removes: [],
  cause: 'apply',
  by: 'somebody',
  createdAt: 1_000,
  finishedAt: null,
}

function judged(
  tasks: readonly Task[],
  change: Partial<RevisionInput> & { replicas?: number; now?: number } = {},
): string {
  const { replicas = 1, now = 2_000, ...rest } = change
  const services = [{ spec: aService({ replicas }), specHash: 'v1', tasks, retryAt: null }]
  const verdict = judgeRevision({ revision, seenSince: 1_000, services, leftovers: 0, nodes: [aNode()], ...rest }, now)
  return verdict.kind === 'failed' ? `failed: ${verdict.message}` : verdict.kind
}

const refused = aTask({ node: null, refusal: 'not enough memory (1 node)', status: { ...NEW_STATUS } })

test.each<{ name: string; is: string; actual: () => string }>([
  { name: 'applied when every slot has a ready task of the spec', actual: () => judged([aTask()]), is: 'applied' },
  { name: 'applied when nothing is wanted', actual: () => judged([], { replicas: 0 }), is: 'applied' },
  {
    name: 'applied when a task completed',
    actual: () => judged([aTask({ status: { state: 'completed', ready: false } })]),
    is: 'applied',
  },
  { name: 'progressing while a slot is empty', actual: () => judged([aTask()], { replicas: 2 }), is: 'progressing' },
  {
    name: 'progressing while a task is not ready',
    actual: () => judged([aTask({ status: { ready: false } })]),
    is: 'progressing',
  },
  {
    name: 'progressing while an old task still serves',
    actual: () => judged([aTask({ specHash: 'v0' })]),
    is: 'progressing',
  },
  {
    name: 'progressing while an old task is stopping',
    actual: () => judged([aTask({ attempt: 2 }), aTask({ specHash: 'v0', desired: 'stopped' })]),
    is: 'progressing',
  },
  {
    name: 'progressing while a surplus slot is still there',
    actual: () => judged([aTask(), aTask({ slot: 2 })]),
    is: 'progressing',
  },
  {
    name: 'progressing while a removed service still runs',
    actual: () => judged([aTask()], { leftovers: 1 }),
    is: 'progressing',
  },
  {
    name: 'failed when a new attempt failed for good',
    actual: () =>
      judged([aTask({ status: { state: 'failed', ready: false, finishedAt: 1_500, message: 'exit code 1' } })]),
    is: 'failed: web.1.1 failed: exit code 1',
  },
  {
    name: 'failed although the next attempt is on its way',
    actual: () =>
      judged([
        aTask({ attempt: 2, status: { ready: false } }),
        aTask({ status: { state: 'failed', ready: false, finishedAt: 1_500 } }),
      ]),
    is: 'failed: web.1.1 failed',
  },
  {
    name: 'not failed by what ended before it was accepted',
    actual: () => judged([aTask({ status: { state: 'failed', ready: false, finishedAt: 900 } })]),
    is: 'progressing',
  },
  {
    name: 'not failed by a port that the next attempt will avoid',
    actual: () =>
      judged([aTask({ status: { state: 'rejected', failure: 'port', failures: 1, ready: false, finishedAt: 1_500 } })]),
    is: 'progressing',
  },
  {
    name: 'not failed when its container was refused once',
    actual: () =>
      judged([
        aTask({ status: { state: 'rejected', failure: 'config', failures: 1, ready: false, finishedAt: 1_500 } }),
      ]),
    is: 'progressing',
  },
  {
    name: 'failed when its container is refused again',
    actual: () =>
      judged([
        aTask({
          status: {
            state: 'rejected',
            failure: 'image',
            failures: 2,
            ready: false,
            finishedAt: 1_500,
            message: 'no image',
          },
        }),
      ]),
    is: 'failed: web.1.1 rejected: no image',
  },
  {
    name: 'failed when ports keep being taken',
    actual: () =>
      judged([
        aTask({
          status: {
            state: 'rejected',
            failure: 'port',
            failures: 4,
            ready: false,
            finishedAt: 1_500,
            message: 'port 80',
          },
        }),
      ]),
    is: 'failed: web.1.1 rejected: port 80',
  },
  {
    name: 'patient with a task that no node can take',
    actual: () => judged([refused], { now: 10_999 }),
    is: 'progressing',
  },
  {
    name: 'failed when no node can take a task and nothing else is on its way',
    actual: () => judged([refused], { now: 11_000 }),
    is: 'failed: web.1.1 has no node: not enough memory (1 node)',
  },
  {
    name: 'patient while something else may free room',
    actual: () => judged([refused], { now: 11_000, leftovers: 1 }),
    is: 'progressing',
  },
  {
    name: 'failed when it was not reached in ten minutes',
    actual: () => judged([aTask({ status: { ready: false } })], { now: 601_000 }),
    is: 'failed: it was not reached within ten minutes',
  },
  {
    name: 'progressing when a server accepted it whose clock is a day behind',
    actual: () => judged([aTask({ status: { ready: false } })], { revision: { ...revision, createdAt: -86_400_000 } }),
    is: 'progressing',
  },
])('a revision is $name', ({ actual, is }) => {
  expect(actual()).toBe(is)
})

import { expect, test } from 'vitest'
import { SILENT } from '../../test/silent-log.ts'
import { systemClock } from '../drivers/clock.ts'
import type { Container, Runtime } from '../ports/runtime.ts'
import { Containers } from './containers.ts'

/** A runtime with one container, whose every inspection waits until it is answered. */
function aRuntime(): {
  runtime: Runtime
  hint: (id: string) => void
  asked: ((state: Container['state']) => void)[]
} {
  const asked: ((state: Container['state']) => void)[] = []
  let tell: (id: string | null) => void = () => undefined
  const runtime: Partial<Runtime> = {
    kind: 'docker',
    list: async () => [],
    inspect: () => new Promise((resolve) => asked.push((state) => resolve(aContainer(state)))),
    watch: (onHint) => {
      tell = onHint
      return () => undefined
    },
  }
  return { runtime: runtime as Runtime, hint: (id) => tell(id), asked }
}

function aContainer(state: Container['state']): Container {
  return {
    id: 'c1',
    taskId: 'web.1.1',
    specHash: 'v1',
    state,
    exitCode: null,
    outOfMemory: false,
    message: '',
    pid: null,
    address: null,
    startedAt: null,
    finishedAt: null,
  }
}

async function started(isActing: () => boolean = () => false) {
  const { runtime, hint, asked } = aRuntime()
  const containers = new Containers([runtime], systemClock(), SILENT, {
    onChange: () => undefined,
    onReach: () => undefined,
    isActing,
  })
  await containers.start()
  return { containers, hint, asked }
}

test('a look that is asked for while another is under way begins after it, and is waited for', async () => {
  const { containers, asked } = await started()
  const first = containers.lookAt('docker', 'c1')
  const second = containers.lookAt('docker', 'c1')
  asked[0]?.('created')
  await expect.poll(() => asked.length).toBe(2)
  expect(containers.of('web.1.1')?.state).toBe('created')
  asked[1]?.('running')
  await Promise.all([first, second])
  expect(containers.of('web.1.1')?.state).toBe('running')
  expect(asked).toHaveLength(2)
})

test('a hint makes it look, unless a call is on its way that ends with a look', async () => {
  let acting = true
  const { hint, asked } = await started(() => acting)
  hint('c1')
  expect(asked).toHaveLength(0)
  acting = false
  hint('c1')
  expect(asked).toHaveLength(1)
})

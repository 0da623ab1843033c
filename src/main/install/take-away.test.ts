import { expect, test } from 'vitest'
import type { Container } from '../../ports/runtime.ts'
import { removeContainers } from './take-away.ts'

test('tasks are stopped at the same time, and one that fails keeps none of the others', async () => {
  const container = (id: string): Container => ({ id, state: 'running' }) as Container
  const stopping = new Set<string>()
  const allStop = Promise.withResolvers<void>()
  const removed: string[] = []
  const runtime = {
    list: async () => ['a', 'b', 'c'].map(container),
    stop: async (id: string) => {
      stopping.add(id)
      if (stopping.size === 3) allStop.resolve()
      await allStop.promise
      if (id === 'a') throw new Error('the engine is full')
    },
    remove: async (id: string) => {
      removed.push(id)
    },
  }
  await expect(removeContainers(runtime)).rejects.toThrow('the engine is full')
  expect(removed).toEqual(['b', 'c'])
})

import { expect, test } from 'vitest'
import { containerIdOf, taskIdOf } from './task-directory.ts'

test.each([
  'web.1.1',
  '.hidden.1.2',
  'a/b.1.1',
  'grüße.1.1',
  '..',
  'x@y.1.1',
])('the container id of task %s is a plain file name that gives the task back', (taskId) => {
  const id = containerIdOf(taskId, 'cluster')
  expect(id).toMatch(/^[A-Za-z0-9%][^/]*$/)
  expect(taskIdOf(id ?? '', 'cluster')).toBe(taskId)
})

test('one task has other container ids in other clusters', () => {
  const id = containerIdOf('web.1.1', 'one') ?? ''
  expect(containerIdOf('web.1.1', 'two')).not.toBe(id)
  expect(taskIdOf(id, 'two')).toBeNull()
})

test.each(['', 'web.1.1', '../etc', '%zz@1234', '.removed-web.1.1'])('%j is the id of no container', (name) => {
  expect(taskIdOf(name, 'cluster')).toBeNull()
})

test('a task id too long for a file name has none', () => {
  expect(containerIdOf('x'.repeat(300), 'cluster')).toBeNull()
})

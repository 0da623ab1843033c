import { expect, test } from 'vitest'
import { nearest } from './suggest.ts'

const KEYS = ['replicas', 'restart_policy', 'image', 'health_check', 'env', 'environment', 'working_dir']

test.each<[string, string | null]>([
  ['replica', 'replicas'],
  ['replcias', 'replicas'],
  ['Replicas', 'replicas'],
  ['restartPolicy', 'restart_policy'],
  ['restart', 'restart_policy'],
  ['healthcheck', 'health_check'],
  ['enviroment', 'environment'],
  ['imgae', 'image'],
  ['workdir', 'working_dir'],
  ['foo', null],
  ['', null],
])('for %j it suggests %j', (word, meant) => {
  expect(nearest(word, KEYS)).toBe(meant)
})

test('a word of any length is compared in bounded time', () => {
  expect(nearest('x'.repeat(1_000_000), KEYS)).toBe(null)
})

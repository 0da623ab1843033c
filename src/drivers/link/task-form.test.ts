import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aTask } from '../../../test/builders.ts'
import { loadManifest } from '../../core/manifest/load.ts'
import { task } from './task-form.ts'

/** The examples have every form and nearly every key. */
const FOLDER = 'examples'

test('every service that a manifest can make passes the wire as it is', () => {
  const specs = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => {
      const { manifest } = loadManifest(readFileSync(join(FOLDER, name), 'utf8'), name)
      return Object.values(manifest?.services ?? {})
    })
  expect(specs.length).toBeGreaterThan(15)
  for (const spec of specs) {
    const sent = aTask({ spec })
    expect(task.parse(JSON.parse(JSON.stringify(sent)))).toStrictEqual(sent)
  }
})

test('a task without one of its keys, or with one of another kind, does not pass', () => {
  const sent: Record<string, unknown> = { ...aTask() }
  for (const key of Object.keys(sent)) {
    const { [key]: _, ...rest } = sent
    expect(task.safeParse(rest).success, key).toBe(false)
    expect(task.safeParse({ ...sent, [key]: { a: 1 } }).success, key).toBe(false)
  }
})

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadManifest } from '../src/core/manifest/load.ts'

const examples = readdirSync('examples', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.yaml'))
  .sort()

test.each(examples)('the example %s is a manifest without problems or notes', (path) => {
  const { manifest, problems, notes } = loadManifest(readFileSync(join('examples', path), 'utf8'), path)
  expect({ problems, notes }).toEqual({ problems: [], notes: [] })
  expect(Object.keys(manifest?.services ?? {})).not.toEqual([])
})

test('the examples cover every form: own, Go Orchestrator’s and Clusterlite’s', () => {
  const folders = new Set(examples.map((path) => path.split('/')[0]))
  for (const folder of ['web', 'hello', 'go-orchestrator', 'clusterlite']) expect(folders).toContain(folder)
})

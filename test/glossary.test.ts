import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** Words that the glossary replaces, where a name of ours would mislead. Words of foreign interfaces stay in their mapping files. */
const REPLACED = /(?:Manager|Master|Deployment|Pod|Instance|Helper|Util|Misc|Impl)(?:[A-Z]|$)|^seed|Seed(?!s$|ed)/
const FOREIGN = /compat\/|docker\//

test('exported names use the words of the glossary', () => {
  const wrong: string[] = []
  for (const path of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts') || path.endsWith('.test.ts') || FOREIGN.test(path)) continue
    const text = readFileSync(join('src', path), 'utf8')
    for (const [, name = ''] of text.matchAll(
      /^export (?:async )?(?:function\*? |const |class |interface |type )(\w+)/gm,
    )) {
      if (REPLACED.test(name)) wrong.push(`${path}: ${name}`)
    }
  }
  expect(wrong).toEqual([])
})

test('the glossary defines every state that programs see', () => {
  const glossary = readFileSync('docs/glossary.md', 'utf8')
  const states = [
    'pending',
    'assigned',
    'preparing',
    'starting',
    'running',
    'completed',
    'failed',
    'stopped',
    'rejected',
    'lost',
  ]
  for (const word of [
    ...states,
    'progressing',
    'applied',
    'superseded',
    'healthy',
    'degraded',
    'unhealthy',
    'paused',
  ]) {
    expect(glossary).toContain(word)
  }
})

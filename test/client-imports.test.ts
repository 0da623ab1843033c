import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

/** Everything that loading a file loads at once: types and imports inside functions are not. */
function loaded(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen
  seen.add(path)
  if (!path.endsWith('.ts')) return seen
  const text = readFileSync(path, 'utf8')
  for (const [, names = '', to = ''] of text.matchAll(/^(?:import|export) (?!type )([^'()]*?)from '([^']+)'/gm)) {
    // A list of nothing but types loads nothing either.
    if (
      /^\{[^}]*\}/.test(names) &&
      names
        .replaceAll(/[{}\s]/g, ' ')
        .split(',')
        .every((name) => /^\s*(type |$)/.test(name))
    )
      continue
    loaded(to.startsWith('.') ? join(dirname(path), to) : to, seen)
  }
  return seen
}

test('the client loads neither the HTTP framework nor the schemas nor the parser: a command starts quickly', () => {
  const packages = [...loaded('src/transport/client.ts')].filter((path) => !path.endsWith('.ts'))
  expect(packages.sort()).toEqual(['node:http', 'node:timers/promises'])
})

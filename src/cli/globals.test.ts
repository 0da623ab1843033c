import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Globals, takeGlobals, targetOf } from './globals.ts'

function taken(line: string, env: NodeJS.ProcessEnv = {}): { globals: Globals; rest: string[]; warned: string[] } {
  const warned: string[] = []
  return { ...takeGlobals(line.split(' '), env, (text) => warned.push(text)), warned }
}

test.each([
  { line: 'services --json', rest: ['services'], set: { json: true } },
  { line: '--json services web', rest: ['services', 'web'], set: { json: true } },
  { line: 'services --data=/srv/a', rest: ['services'], set: { dataDir: '/srv/a', dataOption: '/srv/a' } },
  { line: 'services --data /srv/a --no-color', rest: ['services'], set: { dataDir: '/srv/a', color: false } },
  { line: 'exec web.1.1 -- ls --json', rest: ['exec', 'web.1.1', '--', 'ls', '--json'], set: { json: false } },
  { line: 'plan --unknown toString', rest: ['plan', '--unknown', 'toString'], set: {} },
  { line: 'services --debug --socket s', rest: ['services'], set: { debug: true, socket: 's' } },
])('the global options of `$line` are taken, the rest is left', ({ line, rest, set }) => {
  const actual = taken(line)
  expect(actual.rest).toEqual(rest)
  expect(actual.globals).toMatchObject(set)
  expect(actual.warned).toEqual([])
})

test.each([
  { line: 'services --data', message: 'option --data needs a value' },
  { line: 'services --json=yes', message: 'option --json takes no value' },
])('`$line` is wrong usage', ({ line, message }) => {
  expect(() => taken(line)).toThrow(expect.objectContaining({ code: 'USAGE', message }))
})

test('the line counts more than the environment, and an empty variable is not set', () => {
  const env = { GANTRY_DATA: '/srv/env', GANTRY_SOCKET: '', NO_COLOR: '' }
  expect(taken('services', env).globals).toMatchObject({ dataDir: '/srv/env', socket: null, color: true })
  expect(taken('services --data /srv/line', env).globals.dataDir).toBe('/srv/line')
  expect(taken('services', { NO_COLOR: '1' }).globals.color).toBe(false)
})

test('a token on the line works, with a warning that does not repeat it', () => {
  const { globals, warned } = taken('services --url http://127.0.0.1:1 --token s3cret-value')
  expect(targetOf(globals)).toEqual({ url: 'http://127.0.0.1:1', token: 's3cret-value' })
  expect(warned).toHaveLength(1)
  expect(warned[0]).not.toContain('s3cret')
})

test.each([
  { env: {}, line: 'services --data /d', target: { socketPath: '/d/gantry.sock', token: null } },
  {
    env: { GANTRY_SOCKET: '/run/g.sock' },
    line: 'services --data /d',
    target: { socketPath: '/run/g.sock', token: null },
  },
  { env: { GANTRY_URL: 'http://h:1', GANTRY_TOKEN: 't' }, line: 'services', target: { url: 'http://h:1', token: 't' } },
  {
    env: { GANTRY_URL: 'http://h:1', GANTRY_TOKEN: 't' },
    line: 'services --socket s',
    target: { socketPath: 's', token: 't' },
  },
])('with $env, `$line` asks $target', ({ env, line, target }) => {
  expect(targetOf(taken(line, env).globals)).toEqual(target)
})

test('a URL without a token is wrong usage', () => {
  expect(() => targetOf(taken('services --url http://h:1').globals)).toThrow('--url needs a token')
})

test('a token is given once', () => {
  expect(() => taken('services --token abc --token-file f')).toThrow(
    '--token and --token-file both say what the token is',
  )
})

test('a token file that others can read is refused', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'token')
  const { globals } = taken(`services --url http://h:1 --token-file ${file}`)
  expect(() => targetOf(globals)).toThrow('there is no such file')
  writeFileSync(file, 'secret\n')
  chmodSync(file, 0o644)
  expect(() => targetOf(globals)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', hint: `chmod 600 ${file}` }),
  )
  chmodSync(file, 0o600)
  expect(targetOf(globals)).toEqual({ url: 'http://h:1', token: 'secret' })
})

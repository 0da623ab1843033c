import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type RunFlags, requestOf } from './run-request.ts'

const rows: readonly { words: string[]; flags: RunFlags; request: object }[] = [
  {
    words: ['./bin/migrate', '--all'],
    flags: {},
    request: { name: 'migrate', command: ['./bin/migrate', '--all'], restart_policy: 'no' },
  },
  {
    words: [],
    flags: { image: 'example.com/a/redis:7' },
    request: { name: 'redis', image: 'example.com/a/redis:7', restart_policy: 'no' },
  },
  {
    words: [],
    flags: { image: 'redis@sha256:0', name: 'cache', restart: 'always' },
    request: { name: 'cache', image: 'redis@sha256:0', restart_policy: 'always' },
  },
  {
    words: ['x'],
    flags: { cpus: '0.5', env: { A: '1' } },
    request: { name: 'x', command: ['x'], restart_policy: 'no', limits: { cpus: '0.5' }, env: { A: '1' } },
  },
  {
    words: ['x y.sh'],
    flags: { publish: ['8080:80/tcp'], healthPath: '/up' },
    request: {
      name: 'x',
      command: ['x y.sh'],
      restart_policy: 'no',
      ports: ['8080:80/tcp'],
      health_check: { type: 'http', http_path: '/up', port: 80 },
    },
  },
]

test.each(rows)('$words with $flags is the task $request.name', async ({ words, flags, request }) => {
  expect(await requestOf(words, flags)).toEqual(request)
})

test.each([
  { words: [], flags: {}, message: 'say what to run' },
  { words: ['x'], flags: { healthPath: '/' }, message: '--health-path needs a port to ask' },
])('$message', async ({ words, flags, message }) => {
  await expect(requestOf(words, flags)).rejects.toMatchObject({ code: 'USAGE', message })
})

async function fromFile(text: string, words: readonly string[], flags: RunFlags): Promise<unknown> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'job.yaml')
  writeFileSync(file, text)
  return requestOf(words, { ...flags, file })
}

test('a file says what to run, and the line counts more', async () => {
  const text =
    'service_name: job\nimage: a:1\nrestart_policy: on-failure\nenv: { A: "1", B: "2" }\nlimits: { cpus: "1" }'
  expect(await fromFile(text, [], {})).toEqual({
    ...{ name: 'job', image: 'a:1', restart_policy: 'on-failure', env: { A: '1', B: '2' }, limits: { cpus: '1' } },
  })
  expect(await fromFile(text, ['run'], { env: { B: '3' }, memory: '1g', image: 'b' })).toEqual({
    ...{ name: 'job', image: 'b', restart_policy: 'on-failure', command: ['run'] },
    ...{ env: { A: '1', B: '3' }, limits: { cpus: '1', memory: '1g' } },
  })
})

test.each(['- a', 'x: [', ''])('the file %j holds no service', async (text) => {
  await expect(fromFile(text, [], {})).rejects.toMatchObject({ code: 'SPEC_INVALID' })
})

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'

const BUILT = join(process.cwd(), 'dist', 'gantry')
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

let directory: string
/** A copy away from the checkout: nothing beside it can help it. */
let executable: string

beforeAll(() => {
  if (!existsSync(BUILT)) throw new Error('there is no dist/gantry: run npm run build first')
  directory = mkdtempSync(join(tmpdir(), 'gantry-executable-'))
  executable = join(directory, 'gantry')
  cpSync(BUILT, executable)
  mkdirSync(join(directory, 'lib'))
  writeFileSync(join(directory, 'lib', 'greeting.mjs'), "export const greeting = 'hello'\n")
  writeFileSync(
    join(directory, 'inner.mjs'),
    `import { basename } from 'node:path'
const { greeting } = await import('./lib/greeting.mjs')
export default async (words) => {
  console.log(JSON.stringify({ greeting, words, file: basename(import.meta.filename) }))
  return 7
}
`,
  )
  writeFileSync(
    join(directory, 'outer.mjs'),
    `import { spawnSync } from 'node:child_process'
import { greeting } from './lib/greeting.mjs'
const inner = new URL('inner.mjs', import.meta.url).pathname
export default (words) => spawnSync(process.execPath, ['__module', inner, greeting, ...words], { stdio: 'inherit' }).status
`,
  )
  writeFileSync(join(directory, 'broken.mjs'), "import './nowhere.mjs'\n")
  writeFileSync(join(directory, 'mute.mjs'), 'export const nothing = null\n')
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function run(words: readonly string[], env: NodeJS.ProcessEnv = {}, input = '') {
  const { status, stdout, stderr } = spawnSync(executable, words, { cwd: directory, env, input, encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('the executable runs where there is no Node and no checkout', () => {
  expect(run(['version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
})

test('variables that are meant for Node do not reach the executable', () => {
  expect(run(['version'], { NODE_OPTIONS: '--require ./nowhere.cjs' }).stdout).toBe(`${version}\n`)
})

test('the executable runs itself again, and that one loads a module from disk', () => {
  const expected = { greeting: 'hello', words: ['hello', 'a', '--flag'], file: 'inner.mjs' }
  const ran = run(['__module', 'outer.mjs', 'a', '--flag'])
  expect(ran).toEqual({ status: 7, stdout: `${JSON.stringify(expected)}\n`, stderr: '' })
})

test.each([
  { file: 'nowhere.mjs', status: 1, said: 'there is no module nowhere.mjs' },
  { file: 'broken.mjs', status: 3, said: 'broken.mjs cannot be loaded: Cannot find module' },
  { file: 'mute.mjs', status: 3, said: 'mute.mjs has no function as its default export' },
])('the executable says why $file cannot be run', ({ file, status, said }) => {
  const ran = run(['__module', file])
  expect({ status: ran.status, stdout: ran.stdout }).toEqual({ status, stdout: '' })
  expect(ran.stderr).toContain(said)
})

test('the executable has the libraries of the loader in it', () => {
  const ran = run(['validate', '-', '--json'], {}, 'services: { web: { command: [sleep, "1"], replica: 2 } }')
  expect(ran.status).toBe(3)
  expect(JSON.parse(ran.stdout)).toMatchObject({ valid: false, problems: [{ path: 'services.web.replica' }] })
})

test('the executable is a cluster, and asks it', async () => {
  const env = { PATH: process.env['PATH'], GANTRY_DATA: join(directory, 'data'), GANTRY_RUNTIME: 'process' }
  const up = spawn(executable, ['up', '--listen', `127.0.0.1:${await freePort()}`], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(up, 'exit')
  try {
    let said = ''
    for await (const data of up.stderr as AsyncIterable<Buffer>) {
      said += data.toString()
      if (said.includes('Gantry is up.')) break
    }
    expect(said).toContain('Gantry is up.')
    expect(run(['services'], env)).toEqual({ status: 0, stdout: 'No services.\n', stderr: '' })
    expect(JSON.parse(run(['nodes', '--json'], env).stdout)).toMatchObject([{ id: 1, status: 'ready' }])
  } finally {
    up.kill('SIGINT')
  }
  expect(await ended).toEqual([0, null])
})

test('the executable does not say where it was built', () => {
  expect(readFileSync(executable).includes(process.cwd())).toBe(false)
})

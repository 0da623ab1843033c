import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

let directory: string
let checkout: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-launcher-'))
  checkout = join(directory, 'a checkout')
  mkdirSync(join(checkout, 'bin'), { recursive: true })
  cpSync('bin/gantry', join(checkout, 'bin', 'gantry'))
  // Programs that the launcher needs, and no Node.
  mkdirSync(join(directory, 'programs'))
  for (const program of ['sh', 'uname', 'readlink'])
    symlinkSync(`/bin/${program}`, join(directory, 'programs', program))
  symlinkSync('a checkout/bin/gantry', join(directory, 'first'))
  symlinkSync(join(directory, 'first'), join(directory, 'second'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function launch(program: string, env: NodeJS.ProcessEnv = {}) {
  const PATH = join(directory, 'programs')
  const { status, stdout, stderr } = spawnSync(program, ['a', 'b c'], {
    cwd: '/',
    env: { PATH, ...env },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

function build(): void {
  mkdirSync(join(checkout, 'dist'), { recursive: true })
  const text = 'console.log(JSON.stringify([process.argv.slice(2), process.env.GANTRY_DATA]))'
  writeFileSync(join(checkout, 'dist', 'gantry.cjs'), text)
}

test('a checkout that is not built says what to run', () => {
  expect(launch(join(checkout, 'bin', 'gantry'))).toEqual({
    status: 4,
    stdout: '',
    stderr: `Gantry is not built yet: run 'npm start' or 'npm run build' in ${checkout} first.\n`,
  })
})

test('a checkout without a Node that will do says which one it needs', () => {
  build()
  const { status, stderr } = launch(join(checkout, 'bin', 'gantry'))
  expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining('or Node 22.19 or newer') })

  writeFileSync(join(directory, 'programs', 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  expect(launch(join(checkout, 'bin', 'gantry')).status).toBe(4)
  rmSync(join(directory, 'programs', 'node'))
})

test('the launcher finds its checkout through links, and keeps its state there', () => {
  build()
  symlinkSync(join(process.cwd(), 'node_modules'), join(checkout, 'node_modules'))
  const ours = `${JSON.stringify([['a', 'b c'], join(checkout, '.gantry')])}\n`
  for (const program of [join(checkout, 'bin', 'gantry'), join(directory, 'first'), join(directory, 'second')])
    expect(launch(program)).toEqual({ status: 0, stdout: ours, stderr: '' })

  expect(launch(join(directory, 'second'), { GANTRY_DATA: '/srv/gantry' }).stdout).toContain('/srv/gantry')
})

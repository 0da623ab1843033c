import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ExecSession } from '../ports/runtime.ts'
import { dockerCli } from './docker-cli.ts'

/** A program called docker first on the path. */
function aDocker(script: string): void {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-docker-'))
  const path = process.env['PATH']
  writeFileSync(join(directory, 'docker'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(directory, 'docker'), 0o755)
  process.env['PATH'] = `${directory}:${path}`
  onTestFinished(() => {
    process.env['PATH'] = path
    rmSync(directory, { recursive: true })
  })
}

async function ended(session: ExecSession): Promise<{ readonly said: string; readonly code: number }> {
  let said = ''
  for await (const { stream, data } of session.output) said += `${stream}: ${Buffer.from(data).toString()}`
  return { said, code: await session.exit }
}

test('it runs with its words, its engine and nothing else of our environment', async () => {
  aDocker('echo "$@ $DOCKER_HOST [$SECRET]"; exit 3')
  process.env['SECRET'] = 'hush'
  onTestFinished(() => {
    Reflect.deleteProperty(process.env, 'SECRET')
  })
  const session = await dockerCli('unix:///x')({ argv: ['ps', '$(id)'], timeoutMs: 10_000 })
  expect(await ended(session)).toEqual({ said: 'stdout: ps $(id) unix:///x []\n', code: 3 })
})

test('one that does not end in time is ended with what it has started', async () => {
  aDocker('sleep 100 & wait')
  const session = await dockerCli('unix:///x')({ argv: ['wait'], timeoutMs: 100 })
  expect((await ended(session)).code).toBe(143)
})

test('no more than sixteen run at once, and one that is left makes room', async () => {
  aDocker('exec sleep 100')
  const run = dockerCli('unix:///x')
  const sessions = await Promise.all(Array.from({ length: 16 }, () => run({ argv: ['x'], timeoutMs: 60_000 })))
  await expect(run({ argv: ['x'], timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  sessions[0]?.abort()
  await sessions[0]?.exit
  const last = await run({ argv: ['x'], timeoutMs: 60_000 })
  for (const session of [...sessions, last]) session.abort()
  await Promise.all([...sessions, last].map(({ exit }) => exit))
})

test('where there is no engine, or no program, that is said', async () => {
  await expect(dockerCli(null)({ argv: ['ps'], timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'PREREQUISITE' })
  const path = process.env['PATH']
  process.env['PATH'] = '/nowhere'
  onTestFinished(() => {
    process.env['PATH'] = path
  })
  await expect(dockerCli('unix:///x')({ argv: ['ps'], timeoutMs: 1_000 })).rejects.toMatchObject({
    code: 'PREREQUISITE',
    message: 'the program docker is not installed on this node',
  })
})

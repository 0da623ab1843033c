import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { ClusterView } from '../../src/core/model/view.ts'
import { freePort } from '../free-port.ts'
import { aGantry, type Gantry } from './gantry.ts'
import { removeRemains } from './remove-remains.ts'

export const WEB = `services:
  web:
    replicas: 3
    command: [sh, -c, 'echo up; exec sleep 1000']
`

export interface ServerMachine {
  readonly gantry: Gantry
  /** Where the others dial it. */
  readonly link: string
}

/** A machine on which nothing has been started; it ends with the test. */
export async function aMachine(): Promise<Gantry> {
  const gantry = await aGantry({ GANTRY_RUNTIME: 'process' })
  // An orderly end stops its own tasks; there may be nobody left who could destroy the others.
  onTestFinished(async () => {
    await gantry.end('SIGINT')
    await removeRemains(gantry.dataDir)
  })
  return gantry
}

export async function aServer(name: string, store: readonly string[], ...more: string[]): Promise<ServerMachine> {
  const gantry = await aMachine()
  const link = `127.0.0.1:${await freePort()}`
  await gantry.up('--name', name, '--link', link, ...store, ...more)
  return { gantry, link }
}

/** A file with a new join token. */
export async function aToken(by: Gantry, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await by.run('join-token', 'create', ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const file = join(by.dataDir, `token-${stdout.split('-')[3] ?? ''}`)
  writeFileSync(file, stdout, { mode: 0o600 })
  return file
}

export async function leaderOf(gantry: Gantry): Promise<string> {
  return (await gantry.json<ClusterView>('cluster')).leadership.holder
}

export async function readyNodes(gantry: Gantry): Promise<string[]> {
  const { nodes } = await gantry.json<ClusterView>('cluster')
  return nodes.filter(({ status }) => status === 'ready').map(({ name }) => name)
}

/** Applies `WEB`, and waits until it is there. */
export async function apply(gantry: Gantry): Promise<void> {
  const file = join(gantry.dataDir, 'web.yaml')
  writeFileSync(file, WEB)
  expect(await gantry.run('apply', '--yes', '--config', file)).toMatchObject({ code: 0 })
}

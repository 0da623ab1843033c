import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { ClusterView } from '../../src/core/model/view.ts'
import { freePort } from '../free-port.ts'
import type { Gantry } from './gantry.ts'
import { aMachine } from './machines.ts'

/** Servers that keep the state in their memories, each with an address of the loopback of its own. */
export interface MemoryServers {
  readonly servers: readonly Gantry[]
  /** Where machines find a server. */
  link(index: number): string
  /** Starts a server with the one command that it always has; resolves when it is up. */
  up(index: number, ...more: string[]): Promise<void>
  /** The same with a file of GoCluster, which names the others. */
  upByFile(index: number, ...more: string[]): Promise<void>
  /** Writes the file that servers wait for. */
  writeToken(text: string): void
  allow(by: Gantry, uses: number): Promise<void>
}

export async function memoryServers(count: number): Promise<MemoryServers> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-memory-'))
  const linkPort = await freePort()
  const servers: Gantry[] = []
  for (let index = 0; index < count; index++) servers.push(await aMachine())
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const host = (index: number): string => `127.0.0.${index + 2}`
  const link = (index: number): string => `${host(index)}:${linkPort}`
  const tokenFile = join(directory, 'token')
  const store = ['--backend-type', 'memory', '--seeds', servers.map((_, index) => link(index)).join(',')]
  const writeToken = (text: string): void => {
    writeFileSync(`${tokenFile}.new`, text, { mode: 0o600 })
    renameSync(`${tokenFile}.new`, tokenFile)
  }
  return {
    servers,
    link,
    up: async (index, ...more) => {
      const own = ['--name', `s${index + 1}`, '--link', link(index), '--join-token-file', tokenFile]
      await servers[index]?.up(...own, ...store, ...more)
    },
    upByFile: async (index, ...more) => {
      const file = join(directory, `node${index + 1}.yaml`)
      const others = servers.flatMap((_, i) => (i === index ? [] : [`  node${i + 1}: ${host(i)}:${linkPort - 1}`]))
      const cluster = ['cluster:', `  bind_address: ${host(index)}`, `  discovery_port: ${linkPort - 1}`]
      writeFileSync(file, [...cluster, 'backend:', '  type: memory', 'nodes:', ...others, ''].join('\n'))
      await servers[index]?.up('--name', `s${index + 1}`, '--config', file, '--join-token-file', tokenFile, ...more)
    },
    writeToken,
    allow: async (by, uses) => {
      const { code, stdout } = await by.run('join-token', 'create', '--role', 'server', '--uses', String(uses))
      expect(code).toBe(0)
      writeToken(stdout)
    },
  }
}

/** `s1:ready`, for each node, and who leads, as a server says it. */
export async function standing(
  gantry: Gantry,
): Promise<{ readonly leader: string; readonly nodes: readonly string[] }> {
  const { leadership, nodes } = await gantry.json<ClusterView>('cluster')
  return { leader: leadership.holder, nodes: nodes.map(({ name, status }) => `${name}:${status}`) }
}

import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished } from 'vitest'
import type { ServerView } from '../../src/core/model/view.ts'
import { freePort } from '../free-port.ts'
import { aGantry, type Gantry, until } from './gantry.ts'
import { removeRemains } from './remove-remains.ts'

/** Servers that keep the store themselves, each with an address of the loopback of its own. */
export interface ManagedServers {
  readonly servers: readonly Gantry[]
  readonly clientPort: number
  readonly peerPort: number
  /** The address of a server. */
  host(index: number): string
  /** Where machines find a server. */
  link(index: number): string
  /** Starts a server with the one command that it always has; resolves when it is up. */
  up(index: number): Promise<void>
  /** Writes the file of join tokens that servers wait for. */
  allow(by: Gantry, uses: number): Promise<void>
}

export async function managedServers(count: number): Promise<ManagedServers> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-managed-'))
  const [linkPort, clientPort, peerPort] = [await freePort(), await freePort(), await freePort()]
  const servers: Gantry[] = []
  for (let index = 0; index < count; index++) servers.push(await aGantry({ GANTRY_RUNTIME: 'process' }))
  onTestFinished(async () => {
    // An orderly end stops etcd too; what was killed has left its own running.
    await Promise.all(servers.map((server) => server.end('SIGINT')))
    for (const server of servers) {
      killEtcd(server)
      await removeRemains(server.dataDir)
    }
    rmSync(directory, { recursive: true, force: true })
  })
  const address = (index: number): string => `127.0.0.${index + 2}`
  const link = (index: number): string => `${address(index)}:${linkPort}`
  const tokenFile = join(directory, 'token')
  const store = ['--backend-type', 'managed-etcd', '--seeds', servers.map((_, index) => link(index)).join(',')]
  const ports = ['--etcd-client-port', String(clientPort), '--etcd-peer-port', String(peerPort)]
  return {
    servers,
    clientPort,
    peerPort,
    host: address,
    link,
    up: async (index) => {
      const server = servers[index]
      await server?.up(
        '--name',
        `s${index + 1}`,
        '--link',
        link(index),
        ...store,
        ...ports,
        '--join-token-file',
        tokenFile,
      )
    },
    allow: async (by, uses) => {
      const { code, stdout } = await by.run('join-token', 'create', '--role', 'server', '--uses', String(uses))
      expect(code).toBe(0)
      writeFileSync(`${tokenFile}.new`, stdout, { mode: 0o600 })
      renameSync(`${tokenFile}.new`, tokenFile)
    },
  }
}

/** Pid of the etcd that a server started last; null: it has started none. */
export function etcdPid(server: Gantry): number | null {
  const path = join(server.dataDir, 'etcd-run', 'state', 'started')
  return existsSync(path) ? Number(readFileSync(path, 'utf8').split(' ')[1]) : null
}

/** Kills the etcd of a server whose Gantry is gone. */
export function killEtcd(server: Gantry): void {
  const pid = etcdPid(server)
  if (pid === null) return
  try {
    // Only what was started on this directory: the number may be somebody else's by now.
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(server.dataDir)) process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** `s1 voting alive`, for each server. */
export async function membersOf(server: Gantry): Promise<string[]> {
  const seen = await server.json<ServerView[]>('servers')
  return seen.map(
    ({ name, isVoting, alive }) => `${name} ${isVoting ? 'voting' : 'learning'} ${alive ? 'alive' : 'silent'}`,
  )
}

/** A server that has just started may not answer yet. */
export async function expectMembers(server: Gantry, expected: readonly string[]): Promise<void> {
  await until(
    () => membersOf(server),
    (members) => members.join() === expected.join(),
  )
}

/** What a port of the store's says to who shows this: `talks`, or why not. */
export function shown(host: string, port: number, identity: { key?: string; cert?: string }): Promise<string> {
  return new Promise((resolve) => {
    const options = { host, port, rejectUnauthorized: false, ALPNProtocols: ['h2'] }
    const socket = connectTls({ ...options, ...identity })
    const end = (what: string): void => {
      resolve(what)
      socket.destroy()
    }
    socket.on('error', (error) => end(error.message))
    socket.once('close', () => end('closed'))
    socket.once('data', () => end('talks'))
    // With TLS 1.3 a refusal of our certificate follows our own hello.
    socket.once('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'))
  })
}

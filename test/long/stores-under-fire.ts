import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestEtcd } from '../stores/etcd.ts'
import { TestZooKeeper } from '../stores/zookeeper.ts'
import type { StoreUnderFire } from './store-campaign.ts'

async function sqlite(): Promise<StoreUnderFire> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-store-campaign-'))
  return {
    name: 'sqlite',
    options: { kind: 'sqlite', path: join(directory, 'state.db') },
    server: null,
    close: async () => rmSync(directory, { recursive: true }),
  }
}

async function etcd(): Promise<StoreUnderFire> {
  const server = await TestEtcd.start()
  return {
    name: 'etcd',
    options: {
      kind: 'etcd',
      endpoints: [server.address],
      namespace: 'campaign',
      user: null,
      tls: null,
      leaseTtlSeconds: 10,
      renewIntervalMs: null,
      requestTimeoutMs: null,
    },
    server: { kill: () => server.signal('SIGKILL'), restore: () => server.run() },
    close: () => server.stop(),
  }
}

async function zookeeper(): Promise<StoreUnderFire> {
  const server = await TestZooKeeper.start()
  return {
    name: 'zookeeper',
    options: {
      kind: 'zookeeper',
      hosts: [server.host],
      namespace: 'campaign',
      user: null,
      tls: null,
      timeoutMs: 4_000,
      sessionPath: null,
    },
    server: { kill: () => server.kill(), restore: () => server.launch() },
    close: () => server.stop(),
  }
}

/** Starts one of each, when it is its turn. */
export const STORES_UNDER_FIRE: readonly (() => Promise<StoreUnderFire>)[] = [sqlite, etcd, zookeeper]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Api } from '../src/control/api.ts'
import { loadManifest } from '../src/core/manifest/load.ts'
import type { EventKind } from '../src/core/model/event.ts'
import type { Change } from '../src/core/model/plan.ts'
import type { RuntimeKind } from '../src/core/model/service.ts'
import { VIGILANCES } from '../src/core/node/vigilance.ts'
import { createLog } from '../src/drivers/log.ts'
import { startNode } from '../src/main/node-process.ts'

/** A server and an agent in this process, on SQLite in a temporary directory, as `gantry up` makes them. */
export interface OneNode {
  readonly api: Api
  readonly clusterId: string
  /** Applies a manifest; resolves when it is accepted. */
  apply(text: string): Promise<void>
  /** Makes a change and resolves when its manifest revision is applied; rejects when it fails. */
  settle(change: () => Promise<void>): Promise<void>
  /** Takes away all services, and resolves when their tasks are forgotten. */
  clear(): Promise<void>
  /** Ends it; its tasks are taken away first. */
  stop(): Promise<void>
}

const BY = { by: 'bench', idempotencyKey: null }

export async function startOneNode(runtimes: readonly RuntimeKind[], dockerHost: string): Promise<OneNode> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gantry-bench-'))
  const log = createLog({ level: 'error', destination: process.stderr, pretty: true })
  const options = {
    dataDir,
    name: 'bench:7946',
    clusterName: 'bench',
    placement: 'default',
    publicAddress: null,
    region: null,
    zone: null,
    labels: {},
    runtimes,
    dockerHost,
    strategy: 'spread',
    version: 'bench',
    store: { kind: 'sqlite', path: join(dataDir, 'state.db') },
    vigilance: VIGILANCES.normal,
    preferRegion: null,
    link: null,
    join: null,
    apiHost: null,
    furtherNodes: [],
  } as const
  const node = await startNode(options, log)
  const { api } = node.server
  const change = async (wanted: Change): Promise<void> => {
    await api.apply(wanted, null, BY)
  }
  const bed: OneNode = {
    api,
    clusterId: api.cluster().cluster.id,
    apply: (text) => {
      const { manifest, problems } = loadManifest(text, 'bench.yaml')
      if (manifest === null) throw new Error(JSON.stringify(problems))
      return change({ kind: 'apply', manifest, text })
    },
    settle: async (make) => {
      const settled = untilEvent(api, ['manifest.applied', 'manifest.failed'])
      await make()
      if ((await settled) === 'manifest.failed') throw new Error('the manifest failed')
    },
    clear: async () => {
      await change({ kind: 'destroy' })
      while (api.tasks({ service: null, all: true }).length > 0) await untilEvent(api, ['task.removed'])
    },
    stop: async () => {
      await bed.clear()
      await node.stop({ park: true })
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  return bed
}

/** Resolves with the kind of the next event that is one of these. */
async function untilEvent(api: Api, kinds: readonly EventKind[]): Promise<EventKind> {
  const leave = new AbortController()
  const query = { after: api.events({ ...ALL, limit: 1 })[0]?.id ?? null, ...NEXT }
  try {
    for await (const { kind } of api.watchEvents(query, leave.signal)) if (kinds.includes(kind)) return kind
  } finally {
    leave.abort()
  }
  throw new Error(`no event ${kinds.join(', ')}`)
}

const NEXT = { service: null, object: null, limit: null }
const ALL = { after: null, ...NEXT }

import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../src/core/errors.ts'
import type { ChangeRequest } from '../../src/transport/wire.ts'
import { BUSYBOX_IMAGE } from '../engine/images.ts'
import { until } from '../system/gantry.ts'
import { type Contender, REPLICAS } from './contender.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { LabCluster } from './lab-cluster.ts'

const MANIFEST = `services:
  twelve:
    image: ${BUSYBOX_IMAGE}
    replicas: ${REPLICAS}
    command: [httpd, -f, -p, "8000", -h, /etc]
    stop_signal: SIGKILL
`

const WHOLE_WITHIN_MS = 120_000

export interface GantryContender extends Contender {
  /** Restarts its servers with these further options of `gantry up`; resolves when every node is ready. */
  retune(upArgs: readonly string[]): Promise<void>
}

/** How lost machines are found out in the fast profile. */
export const FAST: readonly string[] = ['--failure-detection', 'fast']

/** Gantry with a server and a member of etcd on each of the first three hosts, and agents on all. */
export async function gantryContender(lab: Lab, upArgs: readonly string[] = []): Promise<GantryContender> {
  const cluster = await LabCluster.start(lab, { servers: 3, etcd: 'servers', upArgs })
  const { id: clusterId } = (await cluster.view()).cluster
  const client = (): ReturnType<LabCluster['client']> => cluster.client()
  /** Changes say what is to be, so one that a change of the leader kept from an answer is asked for again. */
  const write = async (change: ChangeRequest): Promise<void> => {
    for (const deadline = Date.now() + WHOLE_WITHIN_MS; ; await pause(100)) {
      try {
        await client().apply(change, null)
        return
      } catch (error) {
        const again = error instanceof OperationalError && error.traits.retry !== 'never'
        if (!again || Date.now() > deadline) throw error
      }
    }
  }
  const contender: GantryContender = {
    name: 'Gantry',
    lab,
    owns: ({ labels }) => labels['gantry.cluster'] === clusterId,
    accept: async (only) => {
      for (const { id, name, availability: now } of await client().nodes()) {
        const availability = only === null || only.name === name ? 'active' : 'pause'
        if (now === availability) continue
        await write({ kind: 'node', node: id, set: { availability }, force: false })
      }
    },
    deploy: () => write({ kind: 'apply', text: MANIFEST, file: null }),
    clear: async () => {
      await write({ kind: 'destroy' })
      await untilNone(lab.hosts, `gantry.cluster=${clusterId}`)
    },
    leader: () => cluster.leader(),
    back: (host) => cluster.bringBack(host),
    whole: async () => {
      await until(
        async () => Promise.all(cluster.servers.map((server) => cluster.client(server).nodes())),
        (lists) => lists.flat().every(({ status }) => status === 'ready'),
        WHOLE_WITHIN_MS,
      )
    },
    retune: async (upArgs) => {
      await cluster.retune(upArgs)
      await contender.whole()
    },
  }
  return contender
}

/** Resolves when no engine has a container with this label. */
export async function untilNone(hosts: readonly Host[], label: string): Promise<void> {
  const [key = '', value = ''] = label.split('=')
  for (;;) {
    const all = await Promise.all(hosts.map((host) => host.containers()))
    if (!all.flat().some(({ labels }) => labels[key] === value)) return
    await pause(100)
  }
}

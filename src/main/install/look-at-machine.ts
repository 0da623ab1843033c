import { statfs } from 'node:fs/promises'
import { OperationalError } from '../../core/errors.ts'
import { judgeMachine, type MachineCheck, type MachineFacts, type PortFact } from '../../core/install/judge-machine.ts'
import type { NodeSettings } from '../../core/install/node-settings.ts'
import type { Millis } from '../../core/model/ids.ts'
import { RUNTIME_KINDS } from '../../core/model/service.ts'
import { systemClock } from '../../drivers/clock.ts'
import { nearest, whyNoDirectory } from '../../drivers/directory-place.ts'
import { findEtcd } from '../../drivers/etcd/find-etcd.ts'
import { kernelFacts, kernelRoutes } from '../../drivers/install/kernel-facts.ts'
import { tryPort } from '../../drivers/install/port-facts.ts'
import { hostAndPort } from '../../drivers/link/address.ts'
import { timeAt } from '../../drivers/link/join.ts'
import { createLog } from '../../drivers/log.ts'
import { tcpReach } from '../../drivers/reach.ts'
import { openRuntime } from '../node-process.ts'

/** What carries the packets of tasks between machines. */
const OVERLAY_PORT = 4789
const DISCOVERY_PORT = 7946
const KNOCK_WITHIN_MS: Millis = 3_000

/** Looks whether this machine can be a node with these settings; changes nothing. `members`: who keeps the state elsewhere. */
export async function lookAtMachine(
  settings: NodeSettings,
  members: readonly string[],
): Promise<readonly MachineCheck[]> {
  const { data_dir: volume, node } = settings
  const kinds = node.runtimes ?? RUNTIME_KINDS
  const [ports, servers, store, etcd, engine, disk] = await Promise.all([
    Promise.all(wantedPorts(settings).map(tryPort)),
    Promise.all((node.servers ?? []).map(askServer)),
    Promise.all(members.map(knockAt)),
    describeEtcd(settings),
    kinds.includes('docker') ? describeEngine(settings) : null,
    diskFacts(volume),
  ])
  return judgeMachine({
    ...{ ports, servers, store, etcd, engine, disk },
    canDoWithoutEngine: kinds.includes('process'),
    kernel: kernelFacts(),
    routes: kernelRoutes(),
    isRoot: process.geteuid?.() === 0,
  })
}

/** An agent listens on nothing but what its networks need; a server also for the others and for users. */
function wantedPorts(settings: NodeSettings): readonly Omit<PortFact, 'taken'>[] {
  const { listen_addr = '127.0.0.1:8080', node } = settings
  const network = [
    { port: OVERLAY_PORT, protocol: 'udp', host: '0.0.0.0', purpose: 'network between machines', needed: false },
    { port: DISCOVERY_PORT, protocol: 'udp', host: '0.0.0.0', purpose: 'search for servers', needed: false },
  ] as const
  if (node.role !== 'server') return network
  const tcp = (text: string, purpose: string): Omit<PortFact, 'taken'> => {
    const { host, port } = hostAndPort(text)
    return { port, protocol: 'tcp', host, purpose, needed: true }
  }
  return [
    tcp(node.link ?? '0.0.0.0', 'link of the servers'),
    tcp(listen_addr, 'API'),
    ...etcdPorts(settings),
    ...network,
  ]
}

function etcdPorts({ backend, node }: NodeSettings): readonly Omit<PortFact, 'taken'>[] {
  if (backend?.['type'] !== 'managed-etcd') return []
  const { host } = hostAndPort(node.link ?? '0.0.0.0')
  const wanted = (name: string, usual: number, purpose: string): Omit<PortFact, 'taken'> => {
    return { port: Number(backend[name] ?? usual), protocol: 'tcp', host, purpose, needed: true }
  }
  return [wanted('etcd_client_port', 2379, 'etcd of this server'), wanted('etcd_peer_port', 2380, 'members of etcd')]
}

async function describeEtcd({ backend }: NodeSettings): Promise<MachineFacts['etcd']> {
  if (backend?.['type'] !== 'managed-etcd') return null
  try {
    const { version } = await findEtcd(String(backend['etcd_program'] ?? 'etcd'), '/')
    return { version, message: '', todo: '' }
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    return { version: '', message: error.message, todo: error.hint }
  }
}

async function askServer(server: string): Promise<MachineFacts['servers'][number]> {
  const clock = systemClock()
  const asked = clock.now()
  try {
    const theirs = await timeAt(server)
    return { server, offsetMs: theirs - (asked + clock.now()) / 2, message: '' }
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    return { server, offsetMs: null, message: error.message }
  }
}

async function knockAt(member: string): Promise<MachineFacts['store'][number]> {
  const answer = await tcpReach().knock(member, KNOCK_WITHIN_MS)
  return { member, silence: { open: null, refused: 'connection refused', silent: 'no answer' }[answer] }
}

async function describeEngine({ data_dir: dataDir, node }: NodeSettings): Promise<MachineFacts['engine']> {
  const log = createLog({ level: 'error', destination: process.stderr, pretty: false })
  const dockerHost = node.docker_host ?? 'unix:///var/run/docker.sock'
  const runtime = openRuntime('docker', '', { dataDir, dockerHost }, log)
  try {
    return await runtime.describe()
  } finally {
    await runtime.close()
  }
}

async function diskFacts(path: string): Promise<MachineFacts['disk']> {
  const { bavail, bsize } = await statfs(nearest(path))
  return { path, freeBytes: bavail * bsize, message: whyNoDirectory(path) ?? '' }
}

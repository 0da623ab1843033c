import type { EngineRequest } from '../src/drivers/docker/connection.ts'
import { BUSYBOX_IMAGE } from '../test/engine/images.ts'
import { type Contender, REPLICAS } from '../test/lab/contender.ts'
import { untilNone } from '../test/lab/gantry-contender.ts'
import type { Host } from '../test/lab/host.ts'
import type { Lab } from '../test/lab/lab.ts'
import { until } from '../test/system/gantry.ts'

const PORT = 2377
const SERVICE = 'twelve'
const LABEL = 'com.docker.swarm.service.name'
const WHOLE_WITHIN_MS = 180_000

interface SwarmNode {
  readonly ID: string
  readonly Version: { readonly Index: number }
  readonly Spec: { readonly Availability: string }
  readonly Status: { readonly State: string }
  readonly Description: { readonly Hostname: string }
  readonly ManagerStatus?: { readonly Leader?: boolean; readonly Reachability: string }
}

type Request = Omit<EngineRequest, 'doing'>

/** Docker Swarm as it comes: a manager on each of the first three hosts of a lab, workers on the others, all defaults. */
export async function swarmContender(lab: Lab): Promise<Contender> {
  const managers = lab.hosts.slice(0, 3)
  await join(lab.hosts, managers)
  const image = await imageId(lab.host(1))
  const nodes = async (): Promise<readonly SwarmNode[]> => {
    for (const manager of managers) {
      const found = await ask<readonly SwarmNode[]>(manager, { method: 'GET', path: '/nodes', accept: [500, 503] })
      if (Array.isArray(found)) return found
    }
    return []
  }
  return {
    name: 'Docker Swarm',
    lab,
    owns: ({ labels }) => labels[LABEL] === SERVICE,
    accept: async (only) => {
      for (const { ID, Version, Spec, Description } of await nodes()) {
        const Availability = only === null || Description.Hostname === only.name ? 'active' : 'pause'
        if (Spec.Availability === Availability) continue
        const query = { version: Version.Index }
        const body = { ...Spec, Availability }
        await ask(lab.host(1), { method: 'POST', path: `/nodes/${ID}/update`, query, body })
      }
    },
    deploy: async () => {
      // By its id: nothing is pulled.
      const ContainerSpec = {
        Image: image,
        Args: ['httpd', '-f', '-p', '8000', '-h', '/etc'],
        StopSignal: 'SIGKILL',
      }
      const Mode = { Replicated: { Replicas: REPLICAS } }
      const body = { Name: SERVICE, TaskTemplate: { ContainerSpec }, Mode }
      await ask(lab.host(1), { method: 'POST', path: '/services/create', body })
    },
    clear: async () => {
      await ask(lab.host(1), { method: 'DELETE', path: `/services/${SERVICE}` })
      await untilNone(lab.hosts, `${LABEL}=${SERVICE}`)
    },
    leader: async () => {
      const leader = (await nodes()).find(({ ManagerStatus }) => ManagerStatus?.Leader)
      const host = lab.hosts.find(({ name }) => name === leader?.Description.Hostname)
      if (host === undefined) throw new Error('no manager leads')
      return host
    },
    back: async () => undefined,
    whole: async () => {
      await until(
        nodes,
        (all) =>
          all.length === lab.hosts.length &&
          all.every(({ Status }) => Status.State === 'ready') &&
          all.filter(({ ManagerStatus }) => ManagerStatus?.Reachability === 'reachable').length === managers.length,
        WHOLE_WITHIN_MS,
      )
    },
  }
}

async function join(hosts: readonly Host[], managers: readonly Host[]): Promise<void> {
  const [first] = hosts
  if (first === undefined) throw new Error('a swarm needs a host')
  const listen = { ListenAddr: `0.0.0.0:${PORT}` }
  const body = { ...listen, AdvertiseAddr: `${first.address}:${PORT}`, Spec: {} }
  await ask(first, { method: 'POST', path: '/swarm/init', body })
  const { JoinTokens } = await ask<{ JoinTokens: { Manager: string; Worker: string } }>(first, {
    method: 'GET',
    path: '/swarm',
  })
  for (const host of hosts.slice(1)) {
    const JoinToken = managers.includes(host) ? JoinTokens.Manager : JoinTokens.Worker
    const RemoteAddrs = [`${first.address}:${PORT}`]
    const wish = { ...listen, AdvertiseAddr: `${host.address}:${PORT}`, RemoteAddrs, JoinToken }
    await ask(host, { method: 'POST', path: '/swarm/join', body: wish })
  }
}

async function imageId(host: Host): Promise<string> {
  const { Id } = await ask<{ Id: string }>(host, { method: 'GET', path: `/images/${BUSYBOX_IMAGE}/json` })
  return Id
}

async function ask<T>(host: Host, request: Request): Promise<T> {
  const engine = host.engine.connect()
  try {
    return (await engine.call({ ...request, doing: 'run the swarm' })).body as T
  } finally {
    engine.close()
  }
}

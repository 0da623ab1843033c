import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { OperationalError } from '../../core/errors.ts'
import { clientUrlOf } from '../../core/etcd/arguments.ts'
import { hostAndPort } from '../../drivers/link/address.ts'
import { ownAddresses } from '../install/addresses.ts'
import type { ManagedEtcdOptions } from '../open-store.ts'
import { addressOf } from './become-member.ts'
import { serverList } from './server-list.ts'

/** The etcd that this machine is to run for the servers. */
export interface OwnPlace {
  readonly kind: 'managed-etcd'
  readonly options: ManagedEtcdOptions
  /** Where the others dial this machine. */
  readonly host: string
  /** Its entry in the list of servers. */
  readonly link: string
  /** An address of this machine to listen on. */
  readonly listenHost: string
}

/**
 * Finds this machine in the list of servers: by `advertise`, what the user says; by what the cluster knows of it; by its
 * addresses and its name. A list of loopback addresses tells nothing, and means its first one. Throws USAGE.
 */
export function ownPlace(options: ManagedEtcdOptions, advertise: string | null, known: string | null): OwnPlace {
  const addresses = ownAddresses()
  const entries = options.seeds.map((link) => ({ link, ...hostAndPort(link) }))
  const said = advertise === null ? null : hostAndPort(advertise).host
  const names = said === null ? [known === null ? '' : hostAndPort(known).host, hostname()] : [said]
  const isHere = ({ host }: { readonly host: string }): boolean => addresses.has(host) && !isLoopback(host)
  const own =
    names.map((name) => entries.find(({ host }) => host === name)).find((entry) => entry !== undefined) ??
    (said === null ? (entries.find(isHere) ?? entries.find(({ host }) => isLoopback(host))) : undefined)
  if (own === undefined) {
    throw new OperationalError('USAGE', '--seeds does not name this machine', {
      hint: 'name the address there at which the others dial it; --advertise says which entry that is',
    })
  }
  serverList(options.seeds, { host: own.host, port: own.port, advertise: own.host, discovery: null })
  const canListen = addresses.has(own.host) || isLoopback(own.host)
  return { kind: 'managed-etcd', options, host: own.host, link: own.link, listenHost: canListen ? own.host : '0.0.0.0' }
}

/** Where the servers of this machine use it, `host:port`. */
export function endpointOf({ host, options: { clientPort } }: OwnPlace): string {
  return addressOf(clientUrlOf({ host, clientPort }))
}

/** Words with which `gantry up` uses it. */
export function flagsOfOwn({ link, options }: OwnPlace): string {
  const { seeds, clientPort, peerPort, namespace, program } = options
  const others = [
    ...(clientPort === 2379 ? [] : [`--etcd-client-port ${clientPort}`]),
    ...(peerPort === 2380 ? [] : [`--etcd-peer-port ${peerPort}`]),
    ...(namespace === 'gantry' ? [] : [`--backend-namespace ${namespace}`]),
    ...(program === 'etcd' ? [] : [`--etcd-program ${program}`]),
  ]
  return [`--link ${link} --backend-type managed-etcd --seeds ${seeds.join(',')}`, ...others].join(' ')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || (isIP(host) === 4 && host.startsWith('127.')) || host === '::1'
}

import { OperationalError } from '../../core/errors.ts'
import { hostAndPort } from '../../drivers/link/address.ts'
import type { LinkOptions } from '../node-process.ts'

/** The servers as this one sees them. */
export interface ServerList {
  /** It founds the cluster when there is none. */
  readonly isFirst: boolean
  /** This server as the others dial it. */
  readonly own: { readonly host: string; readonly address: string }
  /** `host:port` of the links of the others. */
  readonly others: readonly string[]
  /** Host of each server, in the order of the list. */
  readonly hosts: readonly string[]
}

const LARGEST = 7

/** Finds this machine in the list of servers. Throws USAGE. */
export function serverList(list: readonly string[], link: LinkOptions): ServerList {
  if (list.length === 0 || list.length > LARGEST) {
    throw new OperationalError('USAGE', `--seeds names ${list.length} servers, and there can be 1 to ${LARGEST}`)
  }
  const all = list.map(hostAndPort)
  const names = all.map(({ host, port }) => `${host}:${port}`)
  if (new Set(names).size < names.length) throw new OperationalError('USAGE', '--seeds names a server twice')
  const own = hostAndPort(link.advertise).host
  const place = all.findIndex(({ host, port }) => host === own && port === link.port)
  if (place < 0) {
    throw new OperationalError('USAGE', `--seeds does not name this server: others dial it at ${own}:${link.port}`, {
      hint: 'name it there, or say with --link and --advertise which entry it is',
    })
  }
  const others = all.filter((_, index) => index !== place).map(({ host, port }) => linkAddress(host, port))
  return {
    isFirst: place === 0,
    own: { host: own, address: linkAddress(own, link.port) },
    others,
    hosts: all.map(({ host }) => host),
  }
}

function linkAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

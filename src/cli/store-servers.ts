import type { Setting } from './store-settings.ts'
import { invalid, listOf } from './store-settings.ts'

/** A name, or an address; a port may follow. */
const SERVER = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]@]+)(?::(\d{1,5}))?$/

/** Members of etcd as `host:port`, and whether they want TLS: they may be given as URLs, all with one scheme. */
export function etcdEndpoints(
  setting: Setting | undefined,
  hasCertificates: boolean,
): { readonly endpoints: readonly string[]; readonly isSecure: boolean } {
  if (setting === undefined) return { endpoints: ['localhost:2379'], isSecure: hasCertificates }
  const members = listOf(setting).map((item) => {
    const [, scheme = null, rest = ''] = /^(?:(https?):\/\/)?(.*?)\/?$/.exec(item) ?? []
    return { scheme, server: server(setting, rest, 2379) }
  })
  const schemes = new Set(members.map(({ scheme }) => scheme).filter((scheme) => scheme !== null))
  if (schemes.size > 1)
    throw invalid(setting, 'some are http and some are https', 'all members must speak TLS, or none')
  if (schemes.has('http') && hasCertificates) {
    throw invalid(setting, 'http is in clear, and files for TLS are given', 'write https, or leave the scheme out')
  }
  return { endpoints: members.map((member) => member.server), isSecure: hasCertificates || schemes.has('https') }
}

/** Servers of ZooKeeper as `host:port`. */
export function zooKeeperHosts(setting: Setting | undefined): readonly string[] {
  if (setting === undefined) return ['localhost:2181']
  return listOf(setting).map((item) => server(setting, item, 2181))
}

function server(setting: Setting, text: string, defaultPort: number): string {
  const [, host, port = String(defaultPort)] = SERVER.exec(text) ?? []
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return `${host}:${Number(port)}`
  throw invalid(setting, `"${text}" is not host:port`)
}

import type { EtcdMember } from './members.ts'

/** How a server runs its etcd. */
export interface EtcdSetting {
  readonly name: string
  /** What the others dial: an address or a name of this machine. */
  readonly host: string
  /** An address of this machine to listen on; etcd takes no names here. */
  readonly listenHost: string
  readonly clientPort: number
  readonly peerPort: number
  readonly dataDir: string
  /** Names the cluster, so that members of two never talk. */
  readonly token: string
  /** File with the store's authority. */
  readonly authorityFile: string
  /** File with this server's certificate for the store, and its key. */
  readonly memberFile: string
}

/** Enough for what Gantry keeps many times over; more than 8 GiB etcd itself advises against. */
const QUOTA_BYTES = 4 * 1024 ** 3

export function peerUrlOf({ host, peerPort }: Pick<EtcdSetting, 'host' | 'peerPort'>): string {
  return `https://${bracketed(host)}:${peerPort}`
}

export function clientUrlOf({ host, clientPort }: Pick<EtcdSetting, 'host' | 'clientPort'>): string {
  return `https://${bracketed(host)}:${clientPort}`
}

/**
 * The words after `etcd`. Both ports take those alone whose certificate the store's authority signed. `others`: the members
 * it joins, itself included; empty: it is the first, or has its data.
 */
export function etcdArguments(
  setting: EtcdSetting,
  others: readonly EtcdMember[],
  options: { readonly forceNewCluster?: boolean } = {},
): readonly string[] {
  const { name, listenHost, clientPort, peerPort, dataDir, token } = setting
  const peerUrl = peerUrlOf(setting)
  const known = others.filter((member) => member.peerUrl !== peerUrl)
  const initial = [`${name}=${peerUrl}`, ...known.map((member) => `${nameOf(member)}=${member.peerUrl}`)]
  return [
    `--name=${name}`,
    `--data-dir=${dataDir}`,
    `--listen-client-urls=https://${bracketed(listenHost)}:${clientPort}`,
    `--advertise-client-urls=${clientUrlOf(setting)}`,
    `--listen-peer-urls=https://${bracketed(listenHost)}:${peerPort}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=${initial.join(',')}`,
    `--initial-cluster-state=${known.length === 0 ? 'new' : 'existing'}`,
    `--initial-cluster-token=${token}`,
    ...trustArguments(setting),
    '--strict-reconfig-check=true',
    '--pre-vote=true',
    '--enable-v2=false',
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=10m',
    `--quota-backend-bytes=${QUOTA_BYTES}`,
    '--experimental-initial-corrupt-check=true',
    '--logger=zap',
    '--log-outputs=stderr',
    '--log-level=warn',
    ...(options.forceNewCluster === true ? ['--force-new-cluster=true'] : []),
  ]
}

/** Both ports ask for a certificate of the store's authority. */
function trustArguments({ authorityFile, memberFile }: EtcdSetting): readonly string[] {
  return [
    `--cert-file=${memberFile}`,
    `--key-file=${memberFile}`,
    `--trusted-ca-file=${authorityFile}`,
    '--client-cert-auth=true',
    `--peer-cert-file=${memberFile}`,
    `--peer-key-file=${memberFile}`,
    `--peer-trusted-ca-file=${authorityFile}`,
    '--peer-client-cert-auth=true',
    // Servers may be behind an address translation; who signs is what counts.
    '--experimental-peer-skip-client-san-verification=true',
  ]
}

/** etcd wants a name for each, and compares the URLs alone. */
function nameOf({ name, id }: EtcdMember): string {
  return name === '' ? `member-${id}` : name
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

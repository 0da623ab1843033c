import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { OperationalError } from '../core/errors.ts'
import { parseJoinSecret } from '../core/identity/cluster-secret.ts'
import { type BackendSection, type NodeSettings, nodeSettings } from '../core/install/node-settings.ts'
import { parseSeeds, standingOf } from '../core/install/seeds.ts'
import type { Role } from '../core/model/identity.ts'
import { addressesOf, ownAddresses } from '../main/install/addresses.ts'
import type { Context } from './context.ts'
import { variableOf } from './globals.ts'
import { storeOptions } from './store-options.ts'
import { listOf, type Setting, settingsOfFlags, textOf } from './store-settings.ts'

/** Options of `install` that say what a node is. */
export interface InstallFlags {
  readonly seeds: string
  readonly volume?: string
  readonly publicAddress?: string
  readonly placement?: string
  readonly region?: string
  readonly zone?: string
  readonly label?: Readonly<Record<string, string>>
  readonly name?: string
  readonly runtime?: string
  readonly address?: string
  readonly listen?: string
  readonly role?: Role
}

/** Works out what a node is told, from the options and from what names stand for. Throws USAGE. */
export async function installSettings(
  flags: InstallFlags & Readonly<Record<string, unknown>>,
  { volume, secret }: { readonly volume: string; readonly secret: string },
  { env }: Context,
): Promise<NodeSettings> {
  requireFitVolume(volume)
  const given = parseJoinSecret(secret)
  const seeds = await Promise.all(
    parseSeeds(flags.seeds).map(async (seed) => ({ ...seed, addresses: await addressesOf(seed.host, '--seeds') })),
  )
  const publicAddress = await publicAddressOf(flags.publicAddress)
  const own = ownAddresses()
  const known = new Set([...own, ...(publicAddress === null ? [] : [publicAddress])])
  const { parseRuntimes } = await import('../main/node-process.ts')
  return nodeSettings({
    ...{ volume, secretFile: `${volume}/join.secret`, seeds, secret: given, own },
    standing: standingOf(seeds, known, flags.role ?? null),
    wish: {
      name: flags.name ?? null,
      placement: flags.placement ?? null,
      publicAddress,
      region: flags.region ?? null,
      zone: flags.zone ?? null,
      labels: flags.label ?? {},
      runtimes: parseRuntimes(flags.runtime ?? variableOf(env, 'GANTRY_RUNTIME') ?? 'docker'),
      dockerHost: variableOf(env, 'DOCKER_HOST'),
      address: flags.address ?? null,
      listen: flags.listen ?? variableOf(env, 'GANTRY_LISTEN'),
      backend: backendOf(flags),
    },
  })
}

/** A directory that is not ours alone would be taken away with the node. */
function requireFitVolume(volume: string): void {
  if (volume !== '/' && /^\/[^\0\n]+$/.test(volume)) return
  throw new OperationalError('USAGE', `${JSON.stringify(volume)} cannot be the volume of a node`)
}

async function publicAddressOf(text: string | undefined): Promise<string | null> {
  if (text === undefined || text === '') return null
  const name = text === 'auto' || text === '::auto' ? hostname() : text
  const [address] = await addressesOf(name, '--public-address')
  return address ?? null
}

/**
 * Who keeps the state where servers are told to use an etcd or ZooKeeper that is there already, as `host:port`. Throws
 * USAGE for what a server would refuse when it starts.
 */
export function storeMembers(
  flags: InstallFlags & Readonly<Record<string, unknown>>,
  volume: string,
): readonly string[] {
  const { seeds, ...rest } = settingsOfFlags({ ...flags })
  const isManaged = rest.type === undefined ? parseSeeds(flags.seeds).length > 1 : textOf(rest.type) === 'managed-etcd'
  const type: Setting = { from: '--seeds', isFlag: true, value: 'managed-etcd' }
  const told = isManaged && seeds !== undefined ? { type, ...rest, seeds } : rest
  const store = storeOptions({ flags: told, file: {}, dataDir: volume }, () => undefined)
  if (store.kind === 'etcd') return store.endpoints
  return store.kind === 'zookeeper' ? store.hosts : []
}

/** The store as its section in the file names it. */
function backendOf(flags: Readonly<Record<string, unknown>>): BackendSection {
  // The list of servers is told as it is in the section of the node.
  const { seeds: _, ...settings } = settingsOfFlags(flags)
  return Object.fromEntries(Object.entries(settings).map(([name, setting]) => [name, inFile(name, setting)]))
}

/** A service runs in another directory than the one where it was installed from. */
function inFile(name: string, setting: Setting): string | readonly string[] {
  if (name === 'etcd_endpoints' || name === 'zk_hosts') return listOf(setting)
  return name.endsWith('_file') ? resolve(textOf(setting)) : textOf(setting)
}

import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'

/** An IPv4 address of this machine, where one can search and answer. */
export interface LocalAddress {
  readonly address: string
  /** null where the network has no room for one: a point-to-point link. */
  readonly broadcast: string | null
}

export const EVERY_ADDRESS = '0.0.0.0'

/** The machine's addresses now; of one bind address only that one, and none while no interface has it. */
export function localAddresses(
  bindAddress: string,
  interfaces: NodeJS.Dict<readonly NetworkInterfaceInfo[]> = networkInterfaces(),
): readonly LocalAddress[] {
  return Object.values(interfaces)
    .flatMap((addresses = []) => addresses)
    .filter(({ family, address }) => family === 'IPv4' && (bindAddress === EVERY_ADDRESS || address === bindAddress))
    .map(({ address, netmask }) => ({ address, broadcast: broadcastOf(address, netmask) }))
}

function broadcastOf(address: string, netmask: string): string | null {
  const mask = netmask.split('.').map(Number)
  // Networks of one or two addresses.
  if ((mask[3] ?? 0) >= 254) return null
  return address
    .split('.')
    .map((part, i) => Number(part) | (255 - (mask[i] ?? 255)))
    .join('.')
}

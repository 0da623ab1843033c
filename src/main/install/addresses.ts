import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { OperationalError } from '../../core/errors.ts'

/** Every address of this machine, the loopback's among them. */
export function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)))
}

/** What a name or an address stands for. Throws USAGE for a name that nobody knows; `what` names the option. */
export async function addressesOf(host: string, what: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address)
  } catch (cause) {
    throw new OperationalError('USAGE', `cannot use ${what}: the name ${host} cannot be resolved`, {
      hint: 'give an address, or a name that this machine can look up',
      cause,
    })
  }
}

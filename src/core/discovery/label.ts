import { OperationalError } from '../errors.ts'

const MOST_BYTES = 64

/** The cluster's name as packets carry it. Throws CONFIG_INVALID for a name that is empty or has more than 64 bytes. */
export function labelOf(clusterName: string): Uint8Array {
  const label = new TextEncoder().encode(clusterName)
  if (label.length === 0) throw new OperationalError('CONFIG_INVALID', 'cannot search for a cluster without a name')
  if (label.length > MOST_BYTES) {
    throw new OperationalError(
      'CONFIG_INVALID',
      `cannot search for cluster ${clusterName}: its name has ${label.length} bytes, and ${MOST_BYTES} are the most`,
      { hint: 'give a shorter name, or name the servers with --seeds' },
    )
  }
  return label
}

export function sameLabel(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

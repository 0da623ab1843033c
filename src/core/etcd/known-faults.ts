/** A fault of some versions of etcd. */
interface Fault {
  readonly what: string
  /** Versions that have it, of one minor version each: from the first up to, not including, the one that is sound. */
  readonly versions: readonly (readonly [from: string, sound: string])[]
  /** It may lose or spoil what is kept. */
  readonly isGrave: boolean
}

const FAULTS: readonly Fault[] = [
  { what: 'data may be corrupted by a crash', versions: [['3.5.0', '3.5.3']], isGrave: true },
  {
    what: 'reads may be stale after a pause of the process',
    versions: [
      ['3.4.20', '3.4.42'],
      ['3.5.0', '3.5.28'],
      ['3.6.0', '3.6.9'],
    ],
    isGrave: false,
  },
  {
    what: 'watches may lose events and leases may be revoked too early',
    versions: [
      ['3.4.0', '3.4.31'],
      ['3.5.0', '3.5.13'],
    ],
    isGrave: false,
  },
  { what: 'watches may go back in time', versions: [['3.4.0', '3.4.25']], isGrave: false },
]

/** Known faults of a version, and from which one on its minor version is free of them; null: none is known. */
export function knownFaults(
  version: string,
): { readonly faults: readonly string[]; readonly sound: string; readonly isGrave: boolean } | null {
  const numbers = numbersOf(version)
  if (numbers === null) return null
  const hits = FAULTS.flatMap(({ what, versions, isGrave }) =>
    versions
      .filter(([from, sound]) => sameMinor(from, version) && compare(from, version) <= 0 && compare(version, sound) < 0)
      .map(([, sound]) => ({ what, sound, isGrave })),
  )
  if (hits.length === 0) return null
  const sound = hits.map((hit) => hit.sound).reduce((a, b) => (compare(a, b) >= 0 ? a : b))
  return { faults: hits.map(({ what }) => what), sound, isGrave: hits.some(({ isGrave }) => isGrave) }
}

/** Whether this version can be a member here: learners came with 3.4, and later options differ from those of 3.6. */
export function isSupported(version: string): boolean {
  const [major, minor] = numbersOf(version) ?? [0, 0]
  return major === 3 && minor >= 4 && minor <= 6
}

function numbersOf(version: string): readonly [number, number, number] | null {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(version)
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3])]
}

function sameMinor(a: string, b: string): boolean {
  const [x, y] = [numbersOf(a), numbersOf(b)]
  return x?.[0] === y?.[0] && x?.[1] === y?.[1]
}

function compare(a: string, b: string): number {
  const [x, y] = [numbersOf(a) ?? [0, 0, 0], numbersOf(b) ?? [0, 0, 0]]
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2]
}

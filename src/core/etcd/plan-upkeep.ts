import type { EtcdAlarm } from './members.ts'

/** What a server sees of its own etcd's space. */
export interface SpaceView {
  readonly sizeBytes: number
  /** What of it is used; the rest is holes that only defragmenting gives back. */
  readonly usedBytes: number
  readonly alarms: readonly EtcdAlarm[]
  /** All members answer. */
  readonly isWhole: boolean
}

export type UpkeepStep =
  /** Forget old revisions, then give the holes back, then lift the alarm. */
  { readonly kind: 'make room' } | { readonly kind: 'defragment' }

const WORTH_BYTES = 64 * 1024 ** 2

/**
 * What its own etcd needs so that it does not fill up; null: nothing. A member that defragments does not answer
 * meanwhile, so it waits until all the others are there, unless the store is full and stands still anyway.
 */
export function planUpkeep({ sizeBytes, usedBytes, alarms, isWhole }: SpaceView): UpkeepStep | null {
  if (alarms.includes('no space')) return { kind: 'make room' }
  if (isWhole && sizeBytes >= WORTH_BYTES && usedBytes < sizeBytes / 2) return { kind: 'defragment' }
  return null
}

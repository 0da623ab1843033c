import { OperationalError } from '../errors.ts'
import type { CertificateAuthority, NodeCertificates } from '../model/identity.ts'
import type { Millis, NodeId } from '../model/ids.ts'
import type { Trust } from '../model/message.ts'

/** A server, and the cluster keys that it says it holds, by their names. */
export interface KeyHolder {
  readonly nodeId: NodeId
  /** Empty: it is away, or has said nothing. */
  readonly holds: readonly string[]
}

export type KeyStep = 'nothing' | 'wait' | 'switch' | 'finish'

/** Servers that may come with a certificate of theirs, those that are away for long included: none may be left behind. */
export function keyHolders(
  certificates: readonly NodeCertificates[],
  trustOf: (node: NodeId) => Trust | null,
): readonly KeyHolder[] {
  return certificates
    .filter(({ role }) => role === 'server')
    .map(({ nodeId }) => ({ nodeId, holds: trustOf(nodeId)?.clusterKeys ?? [] }))
    .sort((a, b) => a.nodeId - b.nodeId)
}

/** The key that seals now, by its name. */
export function presentKey({ signing }: CertificateAuthority): string {
  return signing.sealedKey.keyId
}

/** The keys that every server is to hold, by their names, the one to go by first. */
export function wantedKeys(authority: CertificateAuthority): readonly string[] {
  const { keyChange } = authority
  const present = presentKey(authority)
  if (keyChange === undefined) return [present]
  return [present, keyChange.kind === 'prepared' ? keyChange.next : keyChange.previous]
}

/** Those that do not hold the wanted keys. Only the first is to be told: where servers keep the store, each starts its part of it anew for this. */
export function holdersBehind(authority: CertificateAuthority, holders: readonly KeyHolder[]): readonly NodeId[] {
  const wanted = wantedKeys(authority).join()
  return holders.filter(({ holds }) => holds.join() !== wanted).map(({ nodeId }) => nodeId)
}

/** Decides what the change of the cluster key needs next. It never goes on while a server would be left behind. */
export function planKeyChange(authority: CertificateAuthority, holders: readonly KeyHolder[]): KeyStep {
  if (authority.keyChange === undefined) return 'nothing'
  if (holdersBehind(authority, holders).length > 0) return 'wait'
  return authority.keyChange.kind === 'prepared' ? 'switch' : 'finish'
}

/** Makes a key the next one. In the place of one that no server is left to give away. Throws CONFLICT once one seals. */
export function prepareKeyChange(authority: CertificateAuthority, next: string, now: Millis): CertificateAuthority {
  if (authority.keyChange?.kind === 'switched')
    throw new OperationalError('CONFLICT', 'cannot change the cluster key: a change of it is on the way already')
  return { ...authority, keyChange: { kind: 'prepared', since: authority.keyChange?.since ?? now, next } }
}

/** What is sealed with the next key by now. `resealed`: the same authority, sealed with it. */
export function switchKey(
  authority: CertificateAuthority,
  resealed: CertificateAuthority,
  now: Millis,
): CertificateAuthority {
  return { ...resealed, keyChange: { kind: 'switched', since: now, previous: presentKey(authority) } }
}

/** Ends the use of the old key. */
export function finishKeyChange({ keyChange: _, ...authority }: CertificateAuthority): CertificateAuthority {
  return authority
}

/** Where a change of the cluster key is, in a few words. */
export function keyChangeWords({ keyChange }: CertificateAuthority): string {
  if (keyChange === undefined) return 'no change is on the way'
  return keyChange.kind === 'prepared' ? 'servers are given the next key' : 'servers go over to the next key'
}

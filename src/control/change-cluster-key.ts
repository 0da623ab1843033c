import {
  finishKeyChange,
  holdersBehind,
  keyHolders,
  planKeyChange,
  prepareKeyChange,
  switchKey,
  wantedKeys,
} from '../core/identity/key-change.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { CertificateAuthority } from '../core/model/identity.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Trust } from '../core/model/message.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import type { Certifier } from '../ports/certifier.ts'
import { MAX_WRITES, type Write } from '../ports/store.ts'
import { commitPart, type PassDeps } from './pass.ts'
import type { World } from './world.ts'

type TrustOf = (node: NodeId) => Trust | null

/**
 * The cluster keys that this server is to be told to hold; null: it holds them, or is not to be told now. One server after
 * the other, in the order of their ids, whoever leads: each may have to start its part of the store anew.
 */
export function keysFor(
  node: NodeId,
  certifier: Certifier | null,
  world: World,
  trustOf: TrustOf,
): readonly string[] | null {
  const authority = world.mirror.get(AUTHORITY_KEY)?.value
  if (authority === undefined || certifier === null) return null
  const [next] = holdersBehind(authority, keyHolders(heldIn(world), trustOf))
  return next === node ? certifier.keyTexts(wantedKeys(authority)) : null
}

/** Takes a change of the cluster key a step further, as soon as no server is left behind by it. null: there is nothing to do. */
export async function changeClusterKey(
  authority: CertificateAuthority,
  certifier: Certifier,
  deps: PassDeps,
  trustOf: TrustOf,
): Promise<Millis | null> {
  const { world, clock } = deps
  const { keyChange } = authority
  // Whoever drew it is gone and had given it to nobody, or not to this server; nothing is sealed with it.
  if (keyChange?.kind === 'prepared' && certifier.keyTexts([keyChange.next]) === null)
    return write(prepareKeyChange(authority, certifier.drawKey(), clock.now()), [], 'key.prepared', deps)
  // A state that was put back from the middle of a change: nobody goes by the old one.
  if (keyChange?.kind === 'switched' && certifier.keyTexts([keyChange.previous]) === null)
    return write(finishKeyChange(authority), [], 'key.changed', deps)
  switch (planKeyChange(authority, keyHolders(heldIn(world), trustOf))) {
    case 'nothing':
    case 'wait':
      return null
    case 'switch': {
      const clusterId = world.mirror.get(CLUSTER_KEY)?.value.id ?? ''
      const [, next = ''] = wantedKeys(authority)
      const resealed = certifier.reseal(authority, clusterId, next)
      return write(switchKey(authority, resealed, clock.now()), revokedTokens(deps), 'key.switched', deps)
    }
    case 'finish':
      return write(finishKeyChange(authority), [], 'key.changed', deps)
  }
}

/** None of them lets anybody in any more, for their hashes are made with the old key; that is to be seen, too. */
function revokedTokens({ world, clock }: PassDeps): Write[] {
  const tokens = [...world.mirror.list('token')].filter(({ value }) => value.revokedAt === null)
  return tokens.slice(0, MAX_WRITES - 1).map(({ value }) => {
    return { put: keyOf('token', value.id), value: { ...value, revokedAt: clock.now() } }
  })
}

const MESSAGES = {
  'key.prepared': 'the next cluster key was made, and servers are given it',
  'key.switched': 'the next cluster key seals from now on; join tokens from before are revoked',
  'key.changed': 'the old cluster key is of no use any more',
} as const

/** What is said when a change begins, goes on or ends. */
export function keyEvent(kind: keyof typeof MESSAGES, by: string, at: Millis): EventDraft {
  return { kind, object: AUTHORITY_KEY, service: null, message: MESSAGES[kind], by, at }
}

function write(
  value: CertificateAuthority,
  more: readonly Write[],
  kind: keyof typeof MESSAGES,
  deps: PassDeps,
): Promise<Millis | null> {
  const now = deps.clock.now()
  const writes = [{ put: AUTHORITY_KEY, value }, ...more]
  return commitPart(deps, [], [{ writes, events: [keyEvent(kind, 'control', now)] }], now)
}

function heldIn({ mirror }: World) {
  return mirror.list('certificates').map(({ value }) => value)
}

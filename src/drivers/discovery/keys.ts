import { createHmac, hkdfSync } from 'node:crypto'
import type { Mac } from '../../core/discovery/packet.ts'
import { OperationalError } from '../../core/errors.ts'

const LEAST_SECRET = 16

/**
 * The key that a node signs its searches with: of the secret if there is one, else of the authority that it knows, else
 * the one that everybody has. Throws CONFIG_INVALID for a secret that is too short.
 */
export function searchKey(secret: string | null, authorityHash: string | null): Mac {
  if (secret !== null) return secretKey(secret)
  return authorityHash === null ? keyOf('open', '') : keyOf('authority', authorityHash)
}

/** The keys that a server takes: that of the secret alone if there is one, else those of its authorities and the open one. */
export function answerKeys(secret: string | null, authorityHashes: readonly string[]): readonly Mac[] {
  if (secret !== null) return [secretKey(secret)]
  return [...authorityHashes.map((hash) => keyOf('authority', hash)), keyOf('open', '')]
}

function secretKey(secret: string): Mac {
  // Whoever hears a search can try guesses on it for as long as he likes.
  if (secret.length < LEAST_SECRET) {
    throw new OperationalError(
      'CONFIG_INVALID',
      `cannot use this discovery secret: it has ${secret.length} characters, and ${LEAST_SECRET} are the least`,
      { hint: 'a random one is best: head -c 24 /dev/urandom | base64' },
    )
  }
  return keyOf('secret', secret)
}

function keyOf(purpose: 'open' | 'authority' | 'secret', material: string): Mac {
  const key = Buffer.from(hkdfSync('sha256', material, '', `gantry discovery 1 ${purpose}`, 32))
  return (bytes) => createHmac('sha256', key).update(bytes).digest()
}

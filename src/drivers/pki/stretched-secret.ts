import { randomBytes, scrypt } from 'node:crypto'
import type { ClusterSecretRecord, StretchedSecret } from '../../core/model/identity.ts'
import { type SealedPlace, seal, unseal } from './seal.ts'

const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }
const KEY_BYTES = 32

/**
 * Stretches a cluster secret (scrypt, 0.1 s and 32 MiB), so that even somebody who has the result needs that for each
 * guess. `salt` in hex.
 */
export function stretchSecret(secret: string, salt: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secret, Buffer.from(salt, 'hex'), KEY_BYTES, COST, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}

/** Stretches a secret that users made up with a new salt, so that nobody else has to see it. */
export async function newStretchedSecret(secret: string): Promise<StretchedSecret> {
  const salt = randomBytes(16).toString('hex')
  return { salt, stretched: (await stretchSecret(secret, salt)).toString('hex') }
}

/** Makes what the cluster keeps of such a secret. */
export function sealClusterSecret(
  clusterKey: Buffer,
  clusterId: string,
  { salt, stretched }: StretchedSecret,
): ClusterSecretRecord {
  return { salt, sealedKey: seal(clusterKey, placeIn(clusterId), stretched) }
}

/** The stretched secret, for a server that lets machines in. Throws STORE_CORRUPT as `unseal` does. */
export function openClusterSecret(clusterKey: Buffer, clusterId: string, record: ClusterSecretRecord): Buffer {
  return Buffer.from(unseal(clusterKey, placeIn(clusterId), record.sealedKey), 'hex')
}

/** What the cluster keeps of it, sealed with another cluster key. Throws STORE_CORRUPT as `unseal` does. */
export function resealClusterSecret(
  from: Buffer,
  to: Buffer,
  clusterId: string,
  record: ClusterSecretRecord,
): ClusterSecretRecord {
  const stretched = unseal(from, placeIn(clusterId), record.sealedKey)
  return sealClusterSecret(to, clusterId, { salt: record.salt, stretched })
}

function placeIn(clusterId: string): SealedPlace {
  return { clusterId, kind: 'authority', id: 'cluster secret' }
}

import { finishKeyChange } from '../core/identity/key-change.ts'
import { clusterOf } from '../core/incarnation/raise.ts'
import type { CertificateAuthority } from '../core/model/identity.ts'
import { AUTHORITY_KEY } from '../core/model/objects.ts'
import { resealAuthority } from '../drivers/pki/authority-record.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'

/**
 * A state from before a change of the cluster key, sealed with the key that this machine has. Its join tokens are left
 * behind, for they were vouched for by the old one. Throws STORE_CORRUPT where `from` is not its key.
 */
export function resealState(state: Snapshot, from: Buffer, to: Buffer): Snapshot {
  const { id } = clusterOf(state.records)
  const records = state.records
    .filter(({ key }) => !key.startsWith('token/'))
    .map((record): StoreRecord => {
      if (record.key !== AUTHORITY_KEY) return record
      const value = finishKeyChange(resealAuthority(from, to, id, record.value as CertificateAuthority))
      return { ...record, value } as StoreRecord
    })
  return { ...state, records }
}

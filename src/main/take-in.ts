import { OperationalError } from '../core/errors.ts'
import { sha256 } from '../drivers/backup-digest.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import type { StateIntake } from '../ports/intake.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'

/** Writes a state and reads it back: what is there then is what was to be there. Throws STORE_CORRUPT when it is not. */
export async function copyInto(
  intake: StateIntake,
  state: Snapshot,
  onWritten: (records: number, of: number) => void,
): Promise<void> {
  const of = state.records.length
  await intake.write(state, (records) => onWritten(records, of))
  if (hashOf(await intake.read()) === hashOf(state.records)) return
  throw new OperationalError('STORE_CORRUPT', 'what was read back is not what was written; the copy was given up', {
    hint: 'somebody else may write there; look who, and do it again',
  })
}

/** Names the content of a state: equal for equal objects with equal revisions, whatever store they are in. */
export function hashOf(records: readonly StoreRecord[]): string {
  const lines = records.map(({ key, revision, value }) => `${key} ${revision} ${sha256(canonicalJson(value))}`)
  return sha256(lines.sort().join('\n'))
}

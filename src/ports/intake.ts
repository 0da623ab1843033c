import type { StoreRevision } from '../core/model/ids.ts'
import type { Snapshot, StoreRecord } from './store.ts'

/**
 * Takes a whole state in where there is none: every object with the revision that it has. Nobody can use it before `open`,
 * which is one step; what is cut off before is begun anew by the next intake. Failures are those of opening a store, and
 * CONFLICT when another intake has begun at the same place.
 */
export interface StateIntake {
  /** Writes all objects. `onWritten` is told how many there are so far. */
  write(state: Snapshot, onWritten: (records: number) => void): Promise<void>
  /** The objects that are there now, read back from where they are kept. */
  read(): Promise<readonly StoreRecord[]>
  /** From now on it is a state like any other, at this revision. Throws ALREADY_EXISTS when there is one by now. */
  open(revision: StoreRevision): Promise<void>
  /** Lets go of the place. What was not opened is left to the next intake, or removed where that costs nothing. */
  close(): Promise<void>
}

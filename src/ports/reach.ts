import type { Millis } from '../core/model/ids.ts'

/** Whether machines are there at all, whatever runs on them, and whether a program listens at a port. */
export interface Reach {
  /** Whether the machine's network gives an answer, be it a refusal, within that time. Never rejects. */
  answers(address: string, withinMs: Millis): Promise<boolean>
  /** Tries to connect to `host:port`: `silent` when there is neither a connection nor a refusal in time. Never rejects. */
  knock(address: string, withinMs: Millis): Promise<'open' | 'refused' | 'silent'>
}

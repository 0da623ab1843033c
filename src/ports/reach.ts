import type { Millis } from '../core/model/ids.ts'

/** Whether machines are there at all, whatever runs on them. */
export interface Reach {
  /** Whether the machine's network gives an answer, be it a refusal, within that time. Never rejects. */
  answers(address: string, withinMs: Millis): Promise<boolean>
}

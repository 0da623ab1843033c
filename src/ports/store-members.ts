import type { ServerView, StoreCondition } from '../core/model/view.ts'

/** The servers that keep the store themselves. */
export interface StoreMembers {
  /** As they were seen last. */
  servers(): readonly ServerView[]
  conditions(): readonly StoreCondition[]
  /** Looks at them, beginning after it was called; those who ask meanwhile share one look. */
  look(): Promise<void>
  /** Takes a server out, by name, address or id. Throws NOT_FOUND, GUARD_BLOCKED with why not, UNAVAILABLE. */
  remove(word: string): Promise<ServerView>
}

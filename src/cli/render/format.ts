import type { Style } from './style.ts'

/** What a text for people depends on besides what it tells. */
export interface Format {
  readonly style: Style
  /** Columns of the terminal. */
  readonly width: number
  /** Ages are told from here. Milliseconds since 1970. */
  readonly now: number
}

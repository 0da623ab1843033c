import type { Epoch, Millis } from './ids.ts'

/** What makes this cluster this cluster. Written once; `incarnation` grows when its state moves to another store or is restored. */
export interface Cluster {
  /** 16 hex digits */
  readonly id: string
  readonly name: string
  readonly incarnation: number
  readonly createdAt: Millis
}

/** The reign of one leader. Every write of a leader carries its epoch, and lands only while it is the newest. */
export interface Leadership {
  readonly epoch: Epoch
  /** Name of the server that leads. */
  readonly holder: string
  /** Where other machines reach it, `host:port`; null: nowhere. */
  readonly address: string | null
  readonly since: Millis
}

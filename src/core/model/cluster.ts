import type { Epoch, Millis } from './ids.ts'

/** What makes this cluster this cluster. Written once; `incarnation` grows when its state moves to another store or is restored, `level` after an upgrade. */
export interface Cluster {
  /** 16 hex digits */
  readonly id: string
  readonly name: string
  readonly incarnation: number
  readonly createdAt: Millis
  /** Level of the forms that its objects may have; it only grows. Not there: 1. */
  readonly level?: number
}

/** Level of a cluster's forms. */
export function levelOf({ level }: Pick<Cluster, 'level'>): number {
  return level ?? 1
}

/** A server as it said when it started. */
export interface ServerRecord {
  readonly name: string
  /** Where other machines reach it, `host:port`; null: nowhere. */
  readonly address: string | null
  readonly version: string
  /** The highest level that its program knows. */
  readonly level: number
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

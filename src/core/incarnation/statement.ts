import type { Millis } from '../model/ids.ts'

/** What a certificate authority signs when it says that the state of a cluster is of an incarnation. */
export function incarnationStatement(life: {
  readonly clusterId: string
  readonly incarnation: number
  readonly at: Millis
}): string {
  return JSON.stringify(['gantry incarnation 1', life.clusterId, life.incarnation, life.at])
}

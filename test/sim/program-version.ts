import { LEVEL } from '../../src/core/model/level.ts'

/** A version of Gantry, as far as machines notice. */
export interface Program {
  readonly version: string
  readonly level: number
}

export const FIRST_PROGRAM: Program = { version: '0.1.0', level: LEVEL }
/** The same code, one level further. */
export const NEXT_PROGRAM: Program = { version: '0.2.0', level: LEVEL + 1 }

import type { Context } from './context.ts'

const STEPS = 10

/** Tells how far a copy is: at every tenth part. */
export function objectsWritten(context: Context): (records: number, of: number) => void {
  let told = 0
  return (records, of) => {
    const step = of === 0 ? STEPS : Math.floor((records * STEPS) / of)
    if (step <= told) return
    told = step
    context.say(`  ${records} of ${of} objects written`)
  }
}

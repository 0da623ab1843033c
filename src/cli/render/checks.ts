import type { MachineCheck } from '../../core/install/judge-machine.ts'
import type { Format } from './format.ts'
import { table } from './table.ts'

/** A column and what is between. */
const STATE_WIDTH = 9

/** What was looked at on a machine, one line each; what is wrong is told whole, below its line where that is too short. */
export function checksText(checks: readonly MachineCheck[], { style, width }: Format): string {
  const paint = { ok: style.good, warn: style.warning, fail: style.bad }
  const room = width - Math.max(...checks.map(({ check }) => check.length)) - STATE_WIDTH
  const rows = checks.map(({ check, state, found, todo }) => {
    const fits = found.length <= room || todo === ''
    return [check, { text: state, paint: paint[state] }, ...(fits ? [found, todo] : ['', `${found}; ${todo}`])]
  })
  return table(['CHECK', 'STATE', 'FOUND', ''], rows, width)
}

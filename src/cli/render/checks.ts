import type { MachineCheck } from '../../core/install/judge-machine.ts'
import type { Format } from './format.ts'
import { table } from './table.ts'

/** What was looked at on a machine, one line each. */
export function checksText(checks: readonly MachineCheck[], { style, width }: Format): string {
  const paint = { ok: style.good, warn: style.warning, fail: style.bad }
  const rows = checks.map(({ check, state, found, todo }) => [check, { text: state, paint: paint[state] }, found, todo])
  return table(['CHECK', 'STATE', 'FOUND', ''], rows, width)
}

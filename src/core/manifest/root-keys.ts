import { AGENT_KEYS } from './agent-sections.ts'
import type { Report } from './report.ts'
import { nearest } from './suggest.ts'

/** Keys at the top of a manifest. Others may begin with `x-`; they hold anchors and mean nothing by themselves. */
export const ROOT_KEYS: readonly string[] = ['services', 'placements', ...Object.keys(AGENT_KEYS)]

/** Reports keys that are unknown at the top, with a word for those that belong to a service. */
export function checkRootKeys(
  root: Readonly<Record<string, unknown>>,
  serviceKeys: readonly string[],
  report: Report,
): void {
  for (const name of Object.keys(root)) {
    if (ROOT_KEYS.includes(name) || name.startsWith('x-')) continue
    const meant = nearest(name, ROOT_KEYS)
    const hint = serviceKeys.includes(name)
      ? `${name} belongs to a service, below services:`
      : `${meant === null ? '' : `did you mean ${meant}? `}allowed here: ${ROOT_KEYS.join(', ')}, and x-… for anchors`
    report.problem([name], 'unknown key', hint, 'key')
    if (meant !== null) report.silence([meant])
  }
}

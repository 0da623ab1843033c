import type { Log } from '../../src/ports/log.ts'
import type { Observe } from './facts.ts'
import type { Mortal } from './mortal.ts'

/** The log of a simulated process: what it says becomes a fact, so that checks and people can read it. */
export function simLog(user: Mortal, observe: Observe): Log {
  const write = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    if (!user.alive) return
    const shown = Object.entries(fields ?? {}).map(([name, value]) => `${name}=${String(value)}`)
    observe({ kind: 'log', process: user.name, level, text: [message, ...shown].join(' ') })
  }
  return { debug: () => undefined, info: write('info'), warn: write('warn'), error: write('error') }
}

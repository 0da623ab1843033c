import { OperationalError } from '../core/errors.ts'
import type { RuntimeDescription } from '../core/model/node.ts'

/** The first of the signals that end a program in the foreground. */
export function nextSignal(): Promise<'SIGINT' | 'SIGTERM' | 'SIGHUP'> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => resolve(name))
  })
}

/** Does something that may take long; a signal that ends programs aborts it, and nothing else, meanwhile. */
export async function untilSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController()
  const onSignal = (): void => ending.abort(new Error('a signal came'))
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, onSignal)
  try {
    return await work(ending.signal)
  } finally {
    for (const name of names) process.off(name, onSignal)
  }
}

/** What a runtime is and runs, in a line for people. */
export function describeRuntime({ kind, available, version, message }: RuntimeDescription): string {
  const what = kind === 'docker' ? 'Docker Engine' : 'Processes'
  const use =
    kind === 'docker' ? 'services with an image run there' : 'services with only a command run as supervised processes'
  if (available) return `${what} ${version}: ${use}${message === '' ? '' : ` (${message})`}`.replace('  ', ' ')
  return `${what}: not available (${message}); ${use} once it is`
}

/** What is said when the end begins. */
export function farewell(park: boolean): string {
  return park ? '\nStopping tasks (Ctrl-C again leaves them running) ...' : '\nLeaving tasks running ...'
}

/** What is said when it has ended. */
export function lastWord(left: readonly string[]): string {
  return left.length === 0 ? 'Stopped.' : `Stopped; these could not be stopped and may go on: ${left.join(', ')}`
}

/** What ends the process of a machine that a user has sent away. */
export function sentAway(reason: string): OperationalError {
  return new OperationalError('FORBIDDEN', `this machine does not belong to the cluster any more: ${reason}`)
}

import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'

/** One that has not answered by then may be gone; the next is asked beside it. */
const HEAD_START_MS: Millis = 250

/** What is open until it is destroyed. */
interface Closable {
  destroy(): void
}

/**
 * Dials in the given order and resolves with the first connection. A machine that is silent holds up nobody: the next is
 * dialled beside it. Throws what the last one to fail threw, or UNAVAILABLE where there is nobody.
 */
export function dialAny<C extends Closable>(
  addresses: readonly string[],
  dial: (address: string) => Promise<C>,
  headStartMs: Millis = HEAD_START_MS,
): Promise<C> {
  return new Promise((resolve, reject) => {
    let next = 0
    let failed = 0
    let timer: ReturnType<typeof setTimeout> | undefined
    let done = false
    const settle = (call: () => void): void => {
      done = true
      clearTimeout(timer)
      call()
    }
    const take = (connection: C): void => {
      if (done) connection.destroy()
      else settle(() => resolve(connection))
    }
    const fail = (error: unknown): void => {
      failed += 1
      if (done) return
      if (failed === addresses.length || !(error instanceof OperationalError)) settle(() => reject(error))
      else if (failed === next) begin()
    }
    const begin = (): void => {
      clearTimeout(timer)
      const address = addresses[next]
      if (done || address === undefined) return
      next += 1
      timer = setTimeout(begin, headStartMs)
      dial(address).then(take, fail)
    }
    if (addresses.length === 0) reject(new OperationalError('UNAVAILABLE', 'no server is known'))
    begin()
  })
}

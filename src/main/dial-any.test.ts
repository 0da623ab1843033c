import { expect, test } from 'vitest'
import { OperationalError } from '../core/errors.ts'
import { dialAny } from './dial-any.ts'

const gone = (message: string): Promise<never> => Promise.reject(new OperationalError('UNAVAILABLE', message))

/** A connection that says whether it is still open. */
function aConnection(): { open: boolean; destroy(): void } {
  const connection = {
    open: true,
    destroy: () => {
      connection.open = false
    },
  }
  return connection
}

test('a server that is silent holds up nobody, and its connection is closed when it comes late', async () => {
  const late = Promise.withResolvers<ReturnType<typeof aConnection>>()
  const [slow, quick] = [aConnection(), aConnection()]
  const taken = await dialAny(['a', 'b', 'c'], async (address) => (address === 'a' ? late.promise : quick), 1)
  expect(taken).toBe(quick)
  late.resolve(slow)
  await expect.poll(() => slow.open).toBe(false)
  expect(quick.open).toBe(true)
})

test('one that refuses is followed by the next at once, and nobody else is asked when one answers', async () => {
  const asked: string[] = []
  const connection = aConnection()
  const dial = (address: string) => {
    asked.push(address)
    return address === 'a' ? gone('refused') : Promise.resolve(connection)
  }
  expect(await dialAny(['a', 'b', 'c'], dial, 60_000)).toBe(connection)
  expect(asked).toEqual(['a', 'b'])
})

test('without anybody who answers it says why the last one did not', async () => {
  await expect(dialAny(['a', 'b'], (address) => gone(`${address} refused`), 60_000)).rejects.toMatchObject({
    message: 'b refused',
  })
  await expect(dialAny([], () => gone('never'))).rejects.toMatchObject({ message: 'no server is known' })
})

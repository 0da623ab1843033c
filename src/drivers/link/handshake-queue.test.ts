import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { listening, rogueAgent } from '../../../test/link-network.ts'
import { HandshakeQueue } from './handshake-queue.ts'

const AT_ONCE = 100

/** A queue behind a port, and whose turn it has been. */
async function queueOnPort(): Promise<{
  readonly queue: HandshakeQueue
  readonly begun: readonly Socket[]
  /** Resolves when so many have begun. */
  readonly until: (count: number) => Promise<void>
  /** Resolves with both ends of a new connection when the queue has it. */
  readonly come: () => Promise<{ readonly dialled: Socket; readonly taken: Socket }>
}> {
  const begun: Socket[] = []
  let look = (): void => undefined
  const queue = new HandshakeQueue((socket) => {
    begun.push(socket)
    look()
  })
  const server = createServer((socket) => queue.add(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const open: Socket[] = []
  onTestFinished(() => {
    for (const socket of [...open, ...begun]) socket.destroy()
    server.close()
  })
  return {
    queue,
    begun,
    until: (count) =>
      new Promise((resolve) => {
        look = () => begun.length >= count && resolve()
        look()
      }),
    come: async () => {
      const taking = once(server, 'connection')
      const dialled = connect((server.address() as AddressInfo).port, '127.0.0.1')
      dialled.on('error', () => undefined)
      open.push(dialled)
      return { dialled, taken: (await taking)[0] as Socket }
    },
  }
}

test('whoever comes when many are on their way waits for one of them, and what he said meanwhile is not lost', async () => {
  const { queue, begun, until, come } = await queueOnPort()
  for (let n = 0; n < AT_ONCE; n++) await come()
  const waiting = await come()
  const said = once(waiting.taken, 'data')
  waiting.dialled.write('hello')
  await said
  expect(begun).toHaveLength(AT_ONCE)
  const [first] = begun
  if (first !== undefined) queue.done(first)
  await until(AT_ONCE + 1)
  expect([begun.at(-1), String(waiting.taken.read())]).toEqual([waiting.taken, 'hello'])
})

test('one that leaves while it waits is never begun', async () => {
  const { queue, begun, until, come } = await queueOnPort()
  for (let n = 0; n < AT_ONCE; n++) await come()
  const { dialled, taken } = await come()
  await come()
  const gone = once(taken, 'close')
  dialled.end()
  await gone
  const [first] = begun
  if (first !== undefined) queue.done(first)
  await until(AT_ONCE + 1)
  expect(begun).not.toContain(taken)
})

test('those that say nothing hold up the others for half a second', async () => {
  const { begun, until, come } = await queueOnPort()
  for (let n = 0; n < AT_ONCE + 1; n++) await come()
  await until(AT_ONCE + 1)
  expect(begun).toHaveLength(AT_ONCE + 1)
})

test('more agents than have a turn at once are all let in', async () => {
  const { port } = await listening()
  const agents = await Promise.all(Array.from({ length: AT_ONCE + 30 }, () => rogueAgent(port)))
  expect(agents.map(({ authorized }) => authorized)).not.toContain(false)
})

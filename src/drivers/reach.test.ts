import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { tcpReach } from './reach.ts'

test('a machine answers with an open port and with a refusal', async () => {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  expect(await tcpReach(port).answers('127.0.0.1', 2_000)).toBe(true)
  await new Promise((resolve) => server.close(resolve))
  expect(await tcpReach(port).answers('127.0.0.1', 2_000)).toBe(true)
})

test('what is no address does not answer', async () => {
  expect(await tcpReach().answers('no such machine', 2_000)).toBe(false)
})

import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SILENT } from '../../../test/silent-log.ts'
import { sendLines } from './streams.ts'

/** A server that sends lines without end, as fast as they are taken. */
async function endless() {
  const gone = new AbortController()
  const made = { lines: 0 }
  const source = async function* () {
    while (!gone.signal.aborted) {
      made.lines += 1
      // Every line is a turn of the event loop, as one from an agent would be.
      await turn()
      yield { text: 'x'.repeat(10_000) }
    }
  }
  const server = createServer((_request, response) => {
    void sendLines(response, source(), { requestId: 'r', log: SILENT, gone })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const response = await new Promise<IncomingMessage>((resolve) => request({ port, host: '127.0.0.1' }, resolve).end())
  return { gone, made, response, server }
}

test('a reader that does not read holds the source up', async () => {
  const { made, response, server } = await endless()
  response.pause()
  let before = -1
  // It is held up once a hundred turns bring nothing new; without a hold there would be a line in each.
  while (before !== made.lines) {
    before = made.lines
    for (let turns = 0; turns < 100; turns++) await turn()
  }
  expect(made.lines).toBeGreaterThan(0)
  response.destroy()
  server.close()
})

test('a reader that leaves ends the source', async () => {
  const { gone, response, server } = await endless()
  response.destroy()
  await new Promise((resolve) => gone.signal.addEventListener('abort', resolve))
  server.close()
  expect(gone.signal.aborted).toBe(true)
})

import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { BED_CLUSTER } from '../../test/bed-server.ts'
import { aLinkServer, joined } from '../../test/link-server-bed.ts'
import { wireError } from '../transport/http/schemas/error.ts'
import { openLocalFront } from './local-front.ts'

/** The socket of a machine that has joined, and where it passes everything on to. */
async function aFront(servers: () => readonly string[]): Promise<string> {
  const at = await aLinkServer()
  const { files, nodeId } = await joined(at, 'w')
  const directory = mkdtempSync(join(tmpdir(), 'gantry-front-'))
  const path = join(directory, 'gantry.sock')
  const present = { clusterId: BED_CLUSTER, role: 'agent', nodeId, files } as const
  const front = await openLocalFront(path, servers, { present, revoked: new Set() })
  onTestFinished(async () => {
    await front.close()
    rmSync(directory, { recursive: true })
  })
  return path
}

async function aClient(path: string, said: string): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.write(Buffer.from(said, 'latin1'))
  return socket
}

/** What it hears until the other end is closed. */
async function all(socket: Socket): Promise<string> {
  let heard = ''
  socket.on('data', (data) => {
    heard += data
  })
  await once(socket, 'end')
  return heard
}

const held = (kind: string): number => process.getActiveResourcesInfo().filter((one) => one === kind).length

test('without a server everything is answered, also what is no request, and costs nothing where the end is kept open', async () => {
  const path = await aFront(() => [])
  const before = held('PipeWrap')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const said = ['\u00ff\u00fe\u0000'.repeat(1_000), 'GET / HTTP/1.1\r\nhost: x\r\n', `GET / ${'y'.repeat(1_000_000)}`]
  const clients = await Promise.all(said.map((text) => aClient(path, text)))
  for (const heard of await Promise.all(clients.map(all))) {
    expect(heard.split('\r\n')[0]).toBe('HTTP/1.1 503 UNAVAILABLE')
    expect(wireError.parse(JSON.parse(heard.split('\r\n\r\n')[1] ?? '')).error.code).toBe('UNAVAILABLE')
  }
  // What is left is the clients' own ends.
  const open = () => clients.filter(({ closed }) => !closed).length
  await expect.poll(() => held('PipeWrap') - open(), { timeout: 10_000 }).toBe(before)
})

test('one connection more than there is room for is closed at once', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  onTestFinished(() => void silent.close())
  const path = await aFront(() => [`127.0.0.1:${typeof address === 'object' ? address?.port : 0}`])
  const clients = await Promise.all(Array.from({ length: 200 }, () => aClient(path, '')))
  const last = await aClient(path, '')
  expect(await all(last)).toBe('')
  for (const client of clients) client.destroy()
})

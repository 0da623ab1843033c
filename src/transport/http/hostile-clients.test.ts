import { once } from 'node:events'
import { request } from 'node:https'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { type ApiBed, type ApiBedOptions, openApiBed, TOKEN } from '../../../test/api-bed.ts'
import { ask } from '../../../test/raw-request.ts'
import { TEST_TLS } from '../../../test/test-tls.ts'
import { SERVER_LIMITS } from './new-server.ts'
import { wireError } from './schemas/error.ts'

const QUICK = { ...SERVER_LIMITS, beginWithinMs: 300, requestWithinMs: 600 }
const ABROAD = { host: '0.0.0.0', port: 0, tls: TEST_TLS }
const USER = `host: localhost\r\nauthorization: Bearer ${TOKEN}\r\n`
const JSON_BODY = 'content-type: application/json\r\ncontent-length: 9\r\n\r\n'
const WEBSOCKET = 'connection: upgrade\r\nupgrade: websocket\r\n'

async function aBed(options: ApiBedOptions = {}): Promise<ApiBed & { readonly port: number }> {
  const bed = await openApiBed({ limits: QUICK, ...options })
  onTestFinished(() => bed[Symbol.asyncDispose]())
  return Object.assign(bed, { port: Number(new URL(bed.url).port) })
}

interface Client {
  readonly socket: Socket
  heard: string
}

/** A client that never closes its end by itself. */
function aClient(port: number, options: Partial<NetConnectOpts> = {}): Client {
  const socket = connect({ port, host: '127.0.0.1', ...options, allowHalfOpen: true })
  const client = { socket, heard: '' }
  socket.on('error', () => undefined)
  socket.on('data', (data) => {
    client.heard += data
  })
  onTestFinished(() => void socket.destroy())
  return client
}

/** Resolves when this process has no connection open but the ends of so many clients: the server has let go of them. */
function untilLetGo(clients: readonly Client[]): Promise<void> {
  const open = (): number => clients.filter(({ socket }) => !socket.closed).length
  const all = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
  return expect.poll(() => all() - open(), { timeout: 15_000, interval: 50 }).toBe(0)
}

/** What is said, and what the answer begins with. */
const HALF: readonly (readonly [string, string])[] = [
  ['', 'HTTP/1.1 400 USAGE'],
  ['GET / HT', 'HTTP/1.1 400 USAGE'],
  [`GET /api/v1/services HTTP/1.1\r\n${USER}`, 'HTTP/1.1 400 USAGE'],
  [`POST /api/v1/apply HTTP/1.1\r\n${USER}${JSON_BODY}{`, 'HTTP/1.1 400 USAGE'],
  ['hello\r\n\r\n', 'HTTP/1.1 400 USAGE'],
  ['\u0016\u0003\u0001\u0002\u0000\u0001\u0000', 'HTTP/1.1 400 USAGE'],
  [`GET /api/v1/tasks/web.1.1/exec HTTP/1.1\r\nhost: localhost\r\n${WEBSOCKET}\r\n`, 'HTTP/1.1 401 UNAUTHENTICATED'],
  [`GET /api/v1/tasks/web.1.1/exec HTTP/1.1\r\n${USER}${WEBSOCKET}\r\n`, 'HTTP/1.1 404 NOT_FOUND'],
]

test('silence, half a request and what is no HTTP are answered, and cost no connection where the other end is never closed', async () => {
  const bed = await aBed()
  const clients = HALF.map(([said]) => {
    const client = aClient(bed.port)
    client.socket.write(Buffer.from(said, 'latin1'))
    return client
  })
  await Promise.all(clients.map(({ socket }) => once(socket, 'end')))
  expect(clients.map(({ heard }) => heard.split('\r\n')[0])).toEqual(HALF.map(([, answer]) => answer))
  for (const { heard } of clients)
    expect(wireError.safeParse(JSON.parse(heard.split('\r\n\r\n')[1] ?? '')).success).toBe(true)
  expect((await ask({ url: bed.url, path: '/api/v1/health' })).status).toBe(200)
  await untilLetGo(clients)
})

test('headers that come one byte at a time are not waited for', async () => {
  const bed = await aBed()
  const client = aClient(bed.port)
  const text = `GET /api/v1/services HTTP/1.1\r\n${USER}x: ${'y'.repeat(1_000)}`
  let at = 0
  const slowly = setInterval(() => client.socket.write(text[at++] ?? ''), 10)
  await expect.poll(() => client.heard, { timeout: 15_000 }).toContain('the request did not arrive in time')
  clearInterval(slowly)
  expect(at).toBeLessThan(text.length)
})

test('whoever does not come to TLS loses the connection, and plain HTTP gets nothing there', async () => {
  const bed = await aBed({ listen: ABROAD })
  const clients = ['', `GET /api/v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n`, '\u0016\u0003\u0001'].map((said) => {
    const client = aClient(bed.port)
    client.socket.write(Buffer.from(said, 'latin1'))
    return client
  })
  await Promise.all(clients.map(({ socket }) => once(socket, 'connect')))
  await untilLetGo(clients)
  for (const { heard } of clients) expect(heard).not.toContain('HTTP')
  const old = connectTls({ port: bed.port, host: '127.0.0.1', ca: TEST_TLS.cert, maxVersion: 'TLSv1.1' })
  await expect(once(old, 'secureConnect')).rejects.toThrow()
  expect(await statusOver(bed.port, '127.0.0.1')).toBe(200)
})

test('one address cannot take up all connections', async () => {
  const bed = await aBed({ listen: ABROAD, limits: { ...SERVER_LIMITS, connections: 20, perAddress: 10 } })
  const taken = Array.from({ length: 10 }, () => aClient(bed.port))
  await Promise.all(taken.map(({ socket }) => once(socket, 'connect')))
  await expect(statusOver(bed.port, '127.0.0.1')).rejects.toThrow()
  expect(await statusOver(bed.port, '127.0.0.2')).toBe(200)
  taken[0]?.socket.destroy()
  await expect.poll(() => statusOver(bed.port, '127.0.0.1').catch(() => null)).toBe(200)
})

test('what a machine of the cluster passes on and never ends is given up', async () => {
  const bed = await aBed()
  const clients = ['', 'GET /api/v1/clus', `POST /api/v1/apply HTTP/1.1\r\n${USER}${JSON_BODY}{`].map(async (said) => {
    const [here, there] = await aPair()
    bed.http.take(there, { name: 'node 2', trusted: false })
    here.socket.write(said)
    return here
  })
  await untilLetGo(await Promise.all(clients))
})

/** Two ends of one connection. */
async function aPair(): Promise<readonly [Client, Socket]> {
  const { createServer } = await import('node:net')
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const here = aClient(typeof address === 'object' ? (address?.port ?? 0) : 0)
  const [there] = (await once(server, 'connection')) as [Socket]
  server.close()
  onTestFinished(() => void there.destroy())
  return [here, there]
}

function statusOver(port: number, localAddress: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, localAddress, path: '/api/v1/health', ca: TEST_TLS.cert, agent: false },
      (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}

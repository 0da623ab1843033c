import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { probe } from './probe.ts'

const servers: Server[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function ask(answer: RequestListener, timeoutMs = 2_000): Promise<{ ok: boolean; message: string }> {
  const port = await listen(createServer(answer))
  return probe({ kind: 'http', host: '127.0.0.1', port, path: '/health' }, timeoutMs)
}

test.each([200, 204, 302])('an HTTP answer of %i is ok', async (status) => {
  expect(await ask((_, response) => response.writeHead(status).end())).toEqual({ ok: true, message: '' })
})

test.each([404, 500, 503])('an HTTP answer of %i is not ok and names the status', async (status) => {
  expect(await ask((_, response) => response.writeHead(status).end())).toEqual({ ok: false, message: `HTTP ${status}` })
})

test('a probe asks for the path it was given, over a connection of its own', async () => {
  const seen: unknown[] = []
  await ask((request, response) => {
    seen.push(request.url, request.headers.connection)
    response.end()
  })
  expect(seen).toEqual(['/health', 'close'])
})

test('an HTTP server that takes the connection but never answers is not ok', async () => {
  const port = await listen(createTcpServer((socket) => void socket.resume().on('error', () => socket.destroy())))
  const result = await probe({ kind: 'http', host: '127.0.0.1', port, path: '/' }, 50)
  expect(result).toEqual({ ok: false, message: 'no answer within 50 ms' })
})

test('a body that never ends does not hold up the result', async () => {
  const result = await ask((_, response) => {
    const timer = setInterval(() => response.write('x'.repeat(20_000)), 1)
    response.on('close', () => clearInterval(timer))
  })
  expect(result.ok).toBe(true)
})

test('a closed port is refused, for both kinds of probe', async () => {
  const server = createTcpServer()
  const port = await listen(server)
  await new Promise((resolve) => servers.splice(0).pop()?.close(resolve))
  const refused = { ok: false, message: 'connection refused' }
  expect(await probe({ kind: 'http', host: '127.0.0.1', port, path: '/' }, 2_000)).toEqual(refused)
  expect(await probe({ kind: 'tcp', host: '127.0.0.1', port }, 2_000)).toEqual(refused)
})

test('a TCP probe is ok when the connection is accepted', async () => {
  const port = await listen(createTcpServer((socket) => void socket.resume().on('error', () => socket.destroy())))
  expect(await probe({ kind: 'tcp', host: '127.0.0.1', port }, 2_000)).toEqual({ ok: true, message: '' })
})

test('something that does not speak HTTP is not ok', async () => {
  const port = await listen(createTcpServer((socket) => void socket.resume().end('SSH-2.0-x\r\n')))
  const result = await probe({ kind: 'http', host: '127.0.0.1', port, path: '/' }, 2_000)
  expect(result).toEqual({ ok: false, message: 'answer is not HTTP' })
})

test('a path that HTTP cannot carry is a result, not an exception', async () => {
  const result = await probe({ kind: 'http', host: '127.0.0.1', port: 1, path: '/a b\n' }, 2_000)
  expect(result.ok).toBe(false)
})

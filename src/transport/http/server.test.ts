import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { ALL_EVENTS, type ApiBed, openApiBed, TOKEN } from '../../../test/api-bed.ts'
import { aService } from '../../../test/builders.ts'
import { ask } from '../../../test/raw-request.ts'
import { SILENT } from '../../../test/silent-log.ts'
import { TEST_TLS } from '../../../test/test-tls.ts'
import { OperationalError } from '../../core/errors.ts'
import type { Event } from '../../core/model/event.ts'
import { createClient } from '../client.ts'
import { isLoopback } from './auth.ts'
import { type HttpOptions, startHttp } from './server.ts'

const directory = mkdtempSync(join(tmpdir(), 'gantry-http-'))
const cleanup: (() => Promise<unknown>)[] = []
afterAll(() => rmSync(directory, { recursive: true }))
afterEach(async () => {
  for (const clean of cleanup.splice(0).reverse()) await clean()
})

async function aBed(options: Parameters<typeof openApiBed>[0] = {}): Promise<ApiBed> {
  const bed = await openApiBed(options)
  cleanup.push(() => bed[Symbol.asyncDispose]())
  return bed
}

function optionsOf(bed: ApiBed, change: Partial<HttpOptions>): HttpOptions {
  const token = { id: 'x', sha256: '0'.repeat(64) }
  return {
    api: bed.api,
    log: SILENT,
    listen: null,
    socketPath: null,
    tokens: () => [token],
    auth: 'token',
    version: '1',
    ...change,
  }
}

async function refusal(start: Promise<{ close(): Promise<void> }>): Promise<string> {
  try {
    await (await start).close()
  } catch (error) {
    if (error instanceof OperationalError) return `${error.code}: ${error.message} (${error.hint})`
    throw error
  }
  throw new Error('it started')
}

test('a port in use is named, with what to do', async () => {
  const bed = await aBed()
  const port = Number(new URL(bed.url).port)
  const listen = { host: '127.0.0.1', port }
  expect(await refusal(startHttp(optionsOf(bed, { listen })))).toBe(
    `PORT_IN_USE: another program listens on 127.0.0.1:${port} (stop it, or choose another port: GANTRY_LISTEN=127.0.0.1:${port + 1})`,
  )
})

test('off loopback there must be tokens and a certificate', async () => {
  const bed = await aBed()
  const listen = { host: '0.0.0.0', port: 0 }
  expect(await refusal(startHttp(optionsOf(bed, { listen })))).toContain('without a certificate')
  expect(await refusal(startHttp(optionsOf(bed, { listen, auth: 'none' })))).toContain('without tokens')
  const loopback = { host: '127.0.0.1', port: 0 }
  expect(await refusal(startHttp(optionsOf(bed, { listen: loopback, tokens: () => [] })))).toContain('no token')
})

test('without authentication loopback is open to everybody on the machine, and still not to foreign sites', async () => {
  const { url } = await aBed({ auth: 'none' })
  expect((await ask({ url, path: '/api/v1/services' })).status).toBe(200)
  expect((await ask({ url, path: '/api/v1/services', headers: { origin: 'https://evil.example' } })).status).toBe(403)
  expect((await ask({ url, path: '/api/v1/services', headers: { origin: url } })).status).toBe(200)
})

test('only its owner can open the socket, and the file goes with the server', async () => {
  const bed = await aBed()
  expect(statSync(bed.socketPath).mode & 0o777).toBe(0o600)
  await bed.http.close()
  expect(statSync(bed.socketPath, { throwIfNoEntry: false })).toBeUndefined()
})

test('a socket file of a dead server is replaced, one that answers or is no socket is not', async () => {
  const bed = await aBed()
  expect(await refusal(startHttp(optionsOf(bed, { socketPath: bed.socketPath })))).toMatch(/^PORT_IN_USE/)
  const file = join(directory, 'file')
  writeFileSync(file, 'precious')
  expect(await refusal(startHttp(optionsOf(bed, { socketPath: file })))).toMatch(/^CONFIG_INVALID: .* is not a socket/)
  const long = join(directory, 'x'.repeat(200))
  expect(await refusal(startHttp(optionsOf(bed, { socketPath: long })))).toMatch(/longer than 107 bytes/)

  const stale = join(directory, 'stale.sock')
  await abandonSocket(stale)
  const http = await startHttp(optionsOf(bed, { socketPath: stale }))
  cleanup.push(() => http.close())
  expect(await createClient({ socketPath: stale }).health()).toEqual({ status: 'ok', version: '1' })
})

/** Leaves a socket file behind on which nobody listens. */
async function abandonSocket(path: string): Promise<void> {
  const { spawnSync } = await import('node:child_process')
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  expect(statSync(path).isSocket()).toBe(true)
}

test('closing ends streams and idle connections, within two seconds', async () => {
  const bed = await aBed()
  const leaving = new AbortController()
  const query = { after: null, service: null, object: null, limit: null }
  const events = bed.client.watchEvents(query, leaving.signal)[Symbol.asyncIterator]()
  await events.next()
  await ask({ url: bed.url, path: '/api/v1/health' })
  const begin = performance.now()
  await bed.http.close()
  expect(performance.now() - begin).toBeLessThan(2_500)
  leaving.abort()
  expect((await events.next()).done).toBe(true)
  await expect(ask({ url: bed.url, path: '/api/v1/health' })).rejects.toThrow('ECONNREFUSED')
})

test('too many wrong tokens are told to wait, even the right one after them', async () => {
  let now = 1_000_000
  const { url } = await aBed({ now: () => now })
  const attempt = (token: string) =>
    ask({ url, path: '/api/v1/services', headers: { authorization: `Bearer ${token}` } })
  for (let n = 0; n < 5; n++) expect((await attempt('guess')).status).toBe(401)
  const blocked = await attempt(TOKEN)
  expect(blocked.status).toBe(429)
  expect(blocked.headers['retry-after']).toBe('60')
  expect(JSON.parse(blocked.text)).toMatchObject({
    error: { code: 'RATE_LIMITED', retry: 'after', retryAfterMs: 60_000 },
  })
  now += 60_001
  expect((await attempt(TOKEN)).status).toBe(200)
})

test('the metrics count requests, refusals, tasks and services, all from zero', async () => {
  const { url } = await aBed()
  await ask({ url, path: '/api/v1/services' })
  const { text } = await ask({ url, path: '/metrics', headers: { authorization: `Bearer ${TOKEN}` } })
  for (const line of [
    'gantry_tasks{state="running"} 0',
    'gantry_services{health="unhealthy"} 0',
    'gantry_nodes{status="ready"} 1',
    'gantry_http_requests_total{status="4xx"} 1',
    'gantry_http_requests_total{status="5xx"} 0',
    'gantry_http_refused_total{code="UNAUTHENTICATED"} 1',
    '# TYPE process_resident_memory_bytes gauge',
  ]) {
    expect(text.split('\n')).toContain(line)
  }
})

test('with a certificate it speaks TLS, to clients that trust it', async () => {
  const bed = await aBed()
  const listen = { host: '127.0.0.1', port: 0, tls: TEST_TLS }
  const token = { id: 'x', sha256: createHash('sha256').update('secret').digest('hex') }
  const http = await startHttp(optionsOf(bed, { listen, tokens: () => [token] }))
  cleanup.push(() => http.close())
  const url = http.address ?? ''
  expect(url).toMatch(/^https:/)
  expect(await createClient({ url, token: 'secret', ca: TEST_TLS.cert }).nodes()).toHaveLength(1)
  await expect(createClient({ url, token: 'secret' }).nodes()).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('loopback is what only this machine can reach', () => {
  expect(['127.0.0.1', '127.8.8.8', '::1', 'localhost'].every(isLoopback)).toBe(true)
  expect(['0.0.0.0', '::', '127.evil.example', '128.0.0.1', 'localhost.example', ''].some(isLoopback)).toBe(false)
})

test('a stream of events outlives the server that it began on', async () => {
  const bed = await aBed()
  const leaving = new AbortController()
  const query = { after: bed.api.events(ALL_EVENTS).at(-1)?.id ?? null, service: null, object: null, limit: null }
  const events = bed.client.watchEvents(query, leaving.signal)[Symbol.asyncIterator]()
  const first = events.next()
  await bed.client.dispatch({ name: 'one', image: 'example/one:1' })
  expect((await first).value).toMatchObject({ kind: 'dispatch.created' })
  await bed.http.close()
  const started = await bed.api.dispatch(
    { id: 'two', name: 'two', spec: aService() },
    { by: 'test', idempotencyKey: null },
  )
  const listen = { host: '127.0.0.1', port: Number(new URL(bed.url).port) }
  const sha256 = createHash('sha256').update(TOKEN).digest('hex')
  const http = await startHttp(optionsOf(bed, { listen, tokens: () => [{ id: 'test', sha256 }] }))
  cleanup.push(() => http.close())
  const seen: string[] = []
  while (!seen.includes(`dispatch/${started.id}`)) seen.push(((await events.next()).value as Event).object)
  const kept = bed.api.events(ALL_EVENTS).filter(({ id }) => id > (query.after ?? ''))
  expect(seen).toEqual(kept.slice(1, 1 + seen.length).map(({ object }) => object))
  leaving.abort()
})

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { aCertifier } from '../../../test/link-bed.ts'
import type { Role } from '../../core/model/identity.ts'
import { describeCertificate } from '../../drivers/pki/describe-certificate.ts'
import { createClient, type Servers } from '../client.ts'

type Behaviour = 'works' | 'follows' | 'hangs up' | 'refuses'

interface TestServer {
  readonly url: string
  readonly keys: (string | undefined)[]
}

/** A server that does one thing with every request, and remembers their idempotency keys. */
async function aServer(behaviour: Behaviour): Promise<TestServer> {
  const keys: (string | undefined)[] = []
  const server = createServer((request: IncomingMessage, response) => {
    keys.push(request.headers['idempotency-key']?.toString())
    request.resume()
    if (behaviour === 'hangs up') return void request.socket.destroy()
    const failure = { error: { code: behaviour === 'follows' ? 'NOT_LEADER' : 'NOT_FOUND', message: 'no' } }
    response.writeHead(behaviour === 'works' ? 200 : behaviour === 'follows' ? 421 : 404)
    response.end(JSON.stringify(behaviour === 'works' ? [] : failure))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, keys }
}

/** Where nobody listens. */
const GONE: TestServer = { url: 'http://127.0.0.1:1', keys: [] }

function among(servers: readonly TestServer[], retries = 0): Servers {
  const [first, ...others] = servers.map(({ url }) => ({ url, token: 'secret', timeoutMs: 5_000 }))
  return { targets: first === undefined ? [{ url: GONE.url, token: null }] : [first, ...others], retries }
}

test('what one server has surely not done the next is asked for, and it is asked first from then on', async () => {
  const [follower, leader] = [await aServer('follows'), await aServer('works')]
  const client = createClient(among([GONE, follower, leader]))
  expect(await client.nodes()).toEqual([])
  expect(await client.restart('web')).toEqual([])
  expect([follower.keys.length, leader.keys.length]).toEqual([1, 2])
})

test('what a server has judged is not asked of another', async () => {
  const [one, other] = [await aServer('refuses'), await aServer('works')]
  await expect(createClient(among([one, other])).nodes()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(other.keys).toEqual([])
})

test('a write whose answer is lost is repeated once and with its key, and not at another server', async () => {
  const [lost, other] = [await aServer('hangs up'), await aServer('works')]
  await expect(createClient(among([lost, other], 3)).restart('web')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  expect([lost.keys.length, new Set(lost.keys).size, other.keys.length]).toEqual([2, 1, 0])
})

test('a read whose answer is lost is asked of another server', async () => {
  const [lost, other] = [await aServer('hangs up'), await aServer('works')]
  expect(await createClient(among([lost, other])).nodes()).toEqual([])
  expect([lost.keys.length, other.keys.length]).toEqual([2, 1])
})

test('when none can be reached all are tried as often as was asked for', async () => {
  const follower = await aServer('follows')
  await expect(createClient(among([GONE, follower], 2)).nodes()).rejects.toMatchObject({ code: 'NOT_LEADER' })
  expect(follower.keys).toHaveLength(3)
})

/** A server over TLS that shows the certificate of a machine of that role, and the authority. */
async function overTls(role: Role): Promise<{ readonly url: string; readonly bundle: string }> {
  const { certificate, key, bundle } = await (await aCertifier())(role, 1)
  const server = createTlsServer({ cert: `${certificate}\n${bundle}`, key }, (_, response) => response.end('[]'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, bundle }
}

test('a server is believed by its authority or the fingerprint of that, whatever its address', async () => {
  const { url, bundle } = await overTls('server')
  const fingerprint = describeCertificate(bundle).keyHash
  expect(await createClient({ url, token: 's', ca: bundle }).nodes()).toEqual([])
  expect(await createClient({ url, token: 's', fingerprint }).nodes()).toEqual([])
  const other = fingerprint.replace(/^./, (letter) => (letter === 'a' ? 'b' : 'a'))
  const forged = createClient({ url, token: 's', fingerprint: other }).nodes()
  await expect(forged).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('another machine of the cluster does not pass for a server', async () => {
  const { url, bundle } = await overTls('agent')
  for (const trust of [{ ca: bundle }, { fingerprint: describeCertificate(bundle).keyHash }]) {
    const asked = createClient({ url, token: 's', ...trust }).nodes()
    await expect(asked).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('not that of a server'),
    })
  }
})

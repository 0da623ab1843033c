import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ask } from '../../../test/raw-request.ts'
import { OperationalError } from '../../core/errors.ts'
import { type DialLeader, forwardRequest } from './forward.ts'

/** Where a server that follows answers, which passes everything on to `dial`. `onLeft`: a client is gone. */
async function aFollower(dial: DialLeader, onLeft: () => void = () => undefined): Promise<string> {
  const server = createServer((request, response) => {
    response.once('close', onLeft)
    void forwardRequest(request, response, { by: 'user', at: 's2', dial, requestId: 'r', otherwise: null })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Takes a request and hangs up. */
async function aLeaderThatDies(): Promise<DialLeader> {
  const server = createTcpServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return async () => connect((server.address() as AddressInfo).port, '127.0.0.1')
}

test('a leader that cannot be reached has done nothing: another server may be asked', async () => {
  const url = await aFollower(() => Promise.reject(new OperationalError('UNAVAILABLE', 'no answer')))
  const { status, text } = await ask({ url, method: 'POST', path: '/x', body: '{}' })
  expect([status, JSON.parse(text)]).toMatchObject([421, { error: { code: 'NOT_LEADER', retry: 'elsewhere' } }])
})

test.each([
  ['/api/status', { success: false, error: expect.stringContaining('cannot be reached') }],
  ['/task', { HttpStatusCode: 421, Message: expect.stringContaining('cannot be reached') }],
])('a failure to pass %s on has the form that its clients know', async (path, form) => {
  const url = await aFollower(() => Promise.reject(new OperationalError('UNAVAILABLE', 'no answer')))
  const { status, text } = await ask({ url, path })
  expect([status, JSON.parse(text)]).toEqual([421, form])
})

test('a leader that is lost while it answers may have done it', async () => {
  const url = await aFollower(await aLeaderThatDies())
  const write = await ask({ url, method: 'POST', path: '/x', body: '{}' })
  expect(JSON.parse(write.text)).toMatchObject({ error: { code: 'OUTCOME_UNKNOWN', retry: 'same-key' } })
  const read = await ask({ url, path: '/x' })
  expect(JSON.parse(read.text)).toMatchObject({ error: { code: 'NOT_LEADER' } })
})

test('whoever leaves while the leader is dialled leaves no connection to it', async () => {
  const leader = createTcpServer().listen(0, '127.0.0.1')
  await once(leader, 'listening')
  onTestFinished(() => void leader.close())
  const [asked, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const url = await aFollower(async () => {
    asked.resolve()
    await left.promise
    const socket = connect((leader.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }, left.resolve)
  const client = connect(Number(new URL(url).port), '127.0.0.1')
  client.write('POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{')
  await asked.promise
  const taken = once(leader, 'connection') as Promise<[Socket]>
  client.destroy()
  const [onward] = await taken
  let heard = ''
  onward.on('data', (data) => {
    heard += data
  })
  await once(onward, 'end')
  expect(heard).toBe('')
})

import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ask } from '../../../test/raw-request.ts'
import { OperationalError } from '../../core/errors.ts'
import { type DialLeader, forwardRequest } from './forward.ts'

/** Where a server that follows answers, which passes everything on to `dial`. */
async function aFollower(dial: DialLeader): Promise<string> {
  const server = createServer((request, response) => {
    void forwardRequest(request, response, { by: 'user', dial, requestId: 'r', otherwise: null })
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

test('a leader that is lost while it answers may have done it', async () => {
  const url = await aFollower(await aLeaderThatDies())
  const write = await ask({ url, method: 'POST', path: '/x', body: '{}' })
  expect(JSON.parse(write.text)).toMatchObject({ error: { code: 'OUTCOME_UNKNOWN', retry: 'same-key' } })
  const read = await ask({ url, path: '/x' })
  expect(JSON.parse(read.text)).toMatchObject({ error: { code: 'NOT_LEADER' } })
})

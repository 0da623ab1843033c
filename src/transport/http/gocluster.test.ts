import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type ApiBed, openApiBed, TOKEN } from '../../../test/api-bed.ts'
import { ask } from '../../../test/raw-request.ts'
import { SILENT } from '../../../test/silent-log.ts'
import { simpleAgent } from '../../../test/simple-agent.ts'
import { systemClock } from '../../drivers/clock.ts'
import { startHttp } from './server.ts'

let bed: ApiBed
beforeAll(async () => {
  bed = await openApiBed()
})
afterAll(() => bed[Symbol.asyncDispose]())

const authorization = `Bearer ${TOKEN}`

async function get(path: string, headers: Record<string, string> = { authorization }) {
  const { status, text } = await ask({ url: bed.url, path, headers })
  return { status, body: JSON.parse(text) as { success: boolean; data?: unknown; error?: string } }
}

const NODE = { id: 'node-1:7946', hostname: 'node-1', port: 7946, status: 'running', is_leader: false }
const INSTANT = expect.stringMatching(/^20\d\d-\d\d-\d\dT.*Z$/)

test.each<[string, unknown]>([
  ['/api/status', { node_id: 'test', is_leader: true, cluster_state: { leader: 'test' }, nodes: [NODE] }],
  ['/api/nodes', { count: 1, nodes: { 'node-1:7946': { ...NODE, last_seen: INSTANT } }, items: [NODE] }],
  ['/api/leader', { leader_id: 'test', leader_node: null, is_leader: true }],
  ['/api/health', { status: 'healthy', node_id: 'test', timestamp: INSTANT }],
  ['/api/cluster/metrics', { cluster: { total_nodes: 1, running_nodes: 1 }, operators: { total_count: 0 } }],
  ['/api/metrics', { performance: { success_rate: 100 } }],
  ['/api/config', { 'cluster.name': 'test', 'backend.type': 'memory' }],
  ['/api/node?id=1', NODE],
  ['/api/node?id=node-1:7946', NODE],
])('clients of GoCluster get %s in its envelope', async (path, data) => {
  expect(await get(path)).toMatchObject({ status: 200, body: { success: true, data } })
})

test('clients of GoCluster are told how a backup is put back, and when there is none of that name', async () => {
  const post = async (path: string) => {
    const { status, text } = await ask({ url: bed.url, method: 'POST', path, headers: { authorization } })
    return { status, body: JSON.parse(text) as unknown }
  }
  expect(await post('/api/backup/restore/monday')).toEqual({
    status: 404,
    body: { success: false, error: 'there is no backup monday' },
  })
  expect(await post('/api/backup/create/monday')).toMatchObject({ status: 200, body: { data: { name: 'monday' } } })
  expect(await post('/api/backup/restore/monday')).toEqual({
    status: 412,
    body: { success: false, error: 'cannot put monday back while the cluster runs' },
  })
})

test('a server that does not lead asks the leader, and the answer tells of the one that was asked', async () => {
  const leader = new URL(bed.url)
  const dial = async (): Promise<Duplex> => {
    const socket = connect(Number(leader.port), leader.hostname)
    await once(socket, 'connect')
    return socket
  }
  const http = await startHttp({
    ...{ api: bed.api, log: SILENT, listen: { host: '127.0.0.1', port: 0 }, socketPath: null, auth: 'none' },
    ...{ tokens: () => [], version: '0.1.0', serverName: 'other', elsewhere: () => dial },
  })
  onTestFinished(() => http.close())
  const url = http.address ?? ''
  const data = async (path: string): Promise<unknown> => {
    const { text } = await ask({ url, path, headers: { authorization } })
    return (JSON.parse(text) as { readonly data: unknown }).data
  }
  const leading = { cluster_state: { leader: 'test' } }
  expect(await data('/api/status')).toMatchObject({ node_id: 'other', is_leader: false, ...leading })
  expect(await data('/api/leader')).toMatchObject({ leader_id: 'test', is_leader: false })
  expect(await data('/api/health')).toMatchObject({ node_id: 'other' })
  // Each server has figures of its own.
  expect((await ask({ url, path: '/metrics' })).text).toContain('gantry_leader 0')
})

test('recent logs are events, the newest first', async () => {
  const { body } = await get('/api/logs/recent')
  const lines = body.data as readonly { message: string }[]
  expect(lines[0]).toMatchObject({ level: 'INFO', source: 'node/1', timestamp: INSTANT })
  expect(lines.map(({ message }) => message).join()).toMatch(/node-1.*test leads, epoch 1/s)
})

test('a node’s log tells what happened there, the oldest first, and goes on for those who follow', async () => {
  const { body } = await get('/api/logs/1?lines=2')
  const lines = body.data as readonly string[]
  expect(lines.length).toBeLessThanOrEqual(2)
  expect(lines.join('\n')).toMatch(/^20\d\d-.* INFO .*node-1.*\(node\/1\)$/m)
  const stopped = new AbortController()
  const response = await fetch(`${bed.url}/api/logs/node-1:7946?follow=true`, {
    headers: { authorization },
    signal: stopped.signal,
  })
  const first = await response.body?.getReader().read()
  expect(new TextDecoder().decode(first?.value)).toContain('node-1')
  stopped.abort()
})

test('a setting is changed for all, and a wrong one is refused in GoCluster’s form', async () => {
  const set = async (key: string, value: string) => {
    const headers = { authorization, 'content-type': 'application/json' }
    const body = JSON.stringify({ key, value })
    const { status, text } = await ask({ url: bed.url, path: '/api/config/set', method: 'POST', headers, body })
    return { status, body: JSON.parse(text) as unknown }
  }
  expect(await set('strategy', 'bin-pack')).toMatchObject({ status: 200, body: { data: { strategy: 'bin-pack' } } })
  expect((await get('/api/config')).body.data).toMatchObject({ strategy: 'bin-pack' })
  expect(await set('strategy', 'fastest')).toMatchObject({ status: 422, body: { success: false } })
  const [event] = bed.api.events({ after: null, service: null, object: 'cluster/self', limit: 1 })
  expect(event).toMatchObject({ kind: 'cluster.changed', message: 'strategy became bin-pack' })
})

test.each<[string, number, RegExp]>([
  ['/api/logs/2', 404, /there is no node 2/],
  ['/api/node', 400, /id/],
  ['/api/node?id=2', 404, /there is no node 2/],
  ['/api/node?id=__proto__', 404, /there is no node __proto__/],
  ['/api/nothing', 404, /there is no route/],
])('a failure of %s has the status %i and GoCluster’s form', async (path, status, error) => {
  expect(await get(path)).toEqual({ status, body: { success: false, error: expect.stringMatching(error) } })
})

test('nobody without a token learns anything, whether the path is one or not', async () => {
  for (const path of ['/api/status', '/api/health', '/events', '/api/nothing']) {
    const { status, body } = await get(path, {})
    expect([path, status]).toEqual([path, 401])
    expect(JSON.stringify(body)).not.toContain('node-1')
  }
})

/** Opens the event stream; `next` reads one pulse. */
async function openEvents(server: ApiBed) {
  const sent = request(`${server.url}/events`, { headers: { authorization } }).end()
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject)
  })
  response.setEncoding('utf8')
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<string>
  let text = ''
  const next = async (): Promise<{ readonly nodes: number }> => {
    for (;;) {
      const [whole, data] = /data: (.*)\n\n/.exec(text) ?? []
      if (whole !== undefined && data !== undefined) {
        text = text.slice(text.indexOf(whole) + whole.length)
        return JSON.parse(data) as { readonly nodes: number }
      }
      const { value, done } = await chunks.next()
      if (done) throw new Error('the stream has ended')
      text += value
    }
  }
  return { type: response.headers['content-type'], next, close: () => sent.destroy() }
}

test('an event stream begins at once, tells of a change at once, and ends with the server', async () => {
  const own = await openApiBed()
  const events = await openEvents(own)
  expect(events.type).toBe('text/event-stream')
  expect(await events.next()).toEqual({ timestamp: INSTANT, nodes: 1, running: 1, leader: 'test' })
  const before = Date.now()
  own.join(simpleAgent(systemClock(), { machineId: 'machine-2', name: 'node-2:7946', hostname: 'node-2' }))
  let pulse = await events.next()
  while (pulse.nodes < 2) pulse = await events.next()
  expect(Date.now() - before).toBeLessThan(4_000)
  await own[Symbol.asyncDispose]()
  await expect(events.next()).rejects.toThrow()
})

test('an event stream repeats itself when nothing changes', async () => {
  const events = await openEvents(bed)
  const [first, second] = [await events.next(), await events.next()]
  expect({ ...second, timestamp: '' }).toEqual({ ...first, timestamp: '' })
  events.close()
})

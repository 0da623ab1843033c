import { expect, onTestFinished, test } from 'vitest'
import { type EngineCall, ScriptedEngine } from '../../../test/scripted-engine.ts'
import { createLog } from '../log.ts'
import { EventFeed } from './events.ts'

const log = createLog({ level: 'error', destination: { write: () => undefined }, pretty: false })

/** Collects what comes, and lets a test wait for the next. */
class Inbox<T> {
  readonly #items: T[] = []
  readonly #waiting: ((item: T) => void)[] = []

  readonly put = (item: T): void => {
    const next = this.#waiting.shift()
    if (next === undefined) this.#items.push(item)
    else next(item)
  }

  next(): Promise<T> {
    const [item] = this.#items.splice(0, 1)
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item)
  }
}

const event = (action: string, id: string, timeNano = 1_795_237_923_331_000_000): string =>
  `${JSON.stringify({ Type: 'container', Action: action, Actor: { ID: id }, timeNano })}\n`

async function watched(): Promise<{
  engine: ScriptedEngine
  calls: Inbox<EngineCall>
  hints: Inbox<string>
  feed: EventFeed
}> {
  const calls = new Inbox<EngineCall>()
  const engine = await ScriptedEngine.forTest((call) => {
    call.response.flushHeaders()
    calls.put(call)
  })
  const feed = new EventFeed({ connection: engine.connect(), clusterId: 'ours', log })
  onTestFinished(() => feed.close())
  const hints = new Inbox<string>()
  feed.watch((id) => hints.put(id ?? 'anything'))
  return { engine, calls, hints, feed }
}

test('only containers of the cluster are asked for, and the first hint is that anything may have changed', async () => {
  const { calls, hints } = await watched()
  const { query } = await calls.next()
  expect(JSON.parse(query.get('filters') ?? '')).toEqual({ type: ['container'], label: ['gantry.cluster=ours'] })
  expect(query.has('since')).toBe(false)
  expect(await hints.next()).toBe('anything')
})

test('what happens to a container is a hint, what runs inside is none', async () => {
  const { calls, hints } = await watched()
  const { response } = await calls.next()
  await hints.next()
  response.write(
    event('start', 'a') + event('exec_create: sh -c true', 'b') + event('exec_die', 'b') + event('die', 'c'),
  )
  expect([await hints.next(), await hints.next()]).toEqual(['a', 'c'])
})

test('after a break it comes back by itself, from the last event on, and hints that anything may have changed', async () => {
  const { calls, hints } = await watched()
  const first = await calls.next()
  await hints.next()
  first.response.write(event('start', 'a', 1_795_237_923_331_500_000))
  expect(await hints.next()).toBe('a')
  first.response.destroy()
  expect(await hints.next()).toBe('anything')
  const second = await calls.next()
  expect(second.query.get('since')).toMatch(/^1795237923\.331/)
  expect(await hints.next()).toBe('anything')
  second.response.write(event('die', 'a'))
  expect(await hints.next()).toBe('a')
})

test('an engine that sends nonsense is asked again', async () => {
  const { calls, hints } = await watched()
  const first = await calls.next()
  first.response.write('not an event\n')
  const second = await calls.next()
  second.response.write(event('start', 'a'))
  expect([await hints.next(), await hints.next(), await hints.next(), await hints.next()]).toEqual([
    'anything',
    'anything',
    'anything',
    'a',
  ])
})

test('watchers share one stream, which ends with the last of them', async () => {
  const { engine, calls, feed } = await watched()
  const { response } = await calls.next()
  const ended = new Promise((resolve) => response.on('close', resolve))
  const end = feed.watch(() => undefined)
  end()
  expect(response.destroyed).toBe(false)
  feed.close()
  await ended
  expect(engine.asked).toEqual(['GET /events'])
})

import { expect, test } from 'vitest'
import { type EngineCall, json, ScriptedEngine } from '../../../test/scripted-engine.ts'
import type { PullProgress } from '../../ports/runtime.ts'
import { Images } from './images.ts'
import { type PullLine, PullTally } from './pull-progress.ts'

const lines = (...said: object[]): string => said.map((line) => `${JSON.stringify(line)}\r\n`).join('')
const NEVER = new AbortController().signal
const ignore = (): void => undefined

test('an image is asked for with its tag, or all of its tags would come', async () => {
  const queries: string[] = []
  const engine = await ScriptedEngine.forTest(({ query, response }) => {
    queries.push(String(query))
    response.end(lines({ status: 'Status: Downloaded newer image for web:latest' }))
  })
  const images = new Images(engine.connect())
  for (const image of ['web', 'web:2', 'web@sha256:00']) await images.pull(image, ignore, NEVER)
  expect(queries).toEqual(['fromImage=web&tag=latest', 'fromImage=web&tag=2', 'fromImage=web%40sha256%3A00'])
})

test('a pull that begins well and ends with an error has failed, with that error', async () => {
  const engine = await ScriptedEngine.forTest(({ response }) => {
    const error = 'failed to register layer: no space left on device'
    response.end(lines({ status: 'Pulling from web', id: '1' }, { errorDetail: { message: error }, error }))
  })
  await expect(new Images(engine.connect()).pull('web:1', ignore, NEVER)).rejects.toMatchObject({
    code: 'IMAGE_UNAVAILABLE',
    message: 'cannot pull image web:1: failed to register layer: no space left on device',
  })
})

test('a pull that the engine refuses at once has failed, whatever the status', async () => {
  const engine = await ScriptedEngine.forTest((call) => json(call, 500, { message: 'dial tcp: no such host' }))
  await expect(new Images(engine.connect()).pull('web:1', ignore, NEVER)).rejects.toMatchObject({
    code: 'IMAGE_UNAVAILABLE',
    message: 'cannot pull image web:1: dial tcp: no such host',
  })
})

test('a pull that breaks off is UNAVAILABLE: perhaps the image is there', async () => {
  const engine = await ScriptedEngine.forTest(({ response }) => {
    response.write(lines({ status: 'Pulling from web', id: '1' }), () => response.destroy())
  })
  await expect(new Images(engine.connect()).pull('web:1', ignore, NEVER)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('several that want one image share one pull, which ends only when all have given up', async () => {
  const asked = Promise.withResolvers<EngineCall>()
  const broken = Promise.withResolvers<void>()
  const engine = await ScriptedEngine.forTest((call) => {
    call.response.on('close', broken.resolve)
    call.response.write(lines({ status: 'Pulling fs layer', id: 'a' }))
    asked.resolve(call)
  })
  const images = new Images(engine.connect())
  const wants = [1, 2].map(() => {
    const abort = new AbortController()
    const told = Promise.withResolvers<PullProgress>()
    return { abort, told: told.promise, pull: images.pull('web:1', told.resolve, abort.signal) }
  })
  const reason = new Error('no longer wanted')
  const [first, second] = wants
  await Promise.all(wants.map(({ told }) => told))
  first?.abort.abort(reason)
  await expect(first?.pull).rejects.toBe(reason)
  const { response } = await asked.promise
  expect(response.destroyed).toBe(false)
  second?.abort.abort(reason)
  await expect(second?.pull).rejects.toBe(reason)
  await broken.promise
  expect(engine.asked).toEqual(['POST /images/create'])
})

test.each<{ name: string; said: PullLine[]; progress: readonly number[] | null }>([
  { name: 'of the image itself', said: [{ status: 'Pulling from library/web', id: 'latest' }], progress: null },
  { name: 'at the end', said: [{ status: 'Status: Downloaded newer image for web' }], progress: null },
  { name: 'of a layer that is there', said: [{ status: 'Already exists', id: 'a' }], progress: [1, 1, 0, 0] },
  {
    name: 'of layers on their way',
    said: [
      { status: 'Pulling fs layer', id: 'a', progressDetail: {} },
      { status: 'Waiting', id: 'b' },
      { status: 'Downloading', id: 'a', progressDetail: { current: 5, total: 20 } },
    ],
    progress: [0, 2, 5, 20],
  },
  {
    name: 'of a layer that is extracted',
    said: [
      { status: 'Downloading', id: 'a', progressDetail: { current: 5, total: 20 } },
      { status: 'Download complete', id: 'a', progressDetail: {} },
      { status: 'Extracting', id: 'a', progressDetail: { current: 1, total: 20 } },
    ],
    progress: [0, 1, 20, 20],
  },
  {
    name: 'of a layer that is done',
    said: [
      { status: 'Downloading', id: 'a', progressDetail: { current: 5, total: 20 } },
      { status: 'Pull complete', id: 'a' },
    ],
    progress: [1, 1, 20, 20],
  },
])('the lines $name add up', ({ said, progress }) => {
  const tally = new PullTally('web')
  const last = said.map((line) => tally.take(line)).at(-1)
  const [layersDone, layers, bytesDone, bytes] = progress ?? []
  expect(last).toEqual(progress === null ? null : { image: 'web', layersDone, layers, bytesDone, bytes })
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiBed, openApiBed, until } from '../../test/api-bed.ts'
import { COMMANDS } from './commands.ts'
import { complete } from './complete.ts'
import { contextOf } from './context.ts'
import { takeGlobals } from './globals.ts'
import { programOf } from './program.ts'

const MANIFEST = 'services: { web: { image: "a/web:1", replicas: 2 }, worker: { image: "a/worker:1" } }'

let bed: ApiBed
beforeAll(async () => {
  bed = await openApiBed()
  await bed.client.apply({ kind: 'apply', text: MANIFEST, file: null }, null)
  await until(bed.api, () => bed.api.services().every(({ health }) => health === 'healthy'))
})
afterAll(() => bed[Symbol.asyncDispose]())

async function candidates(line: string, socket = bed.socketPath): Promise<readonly string[]> {
  const { globals } = takeGlobals(['--socket', socket], {}, () => undefined)
  const context = await contextOf(globals, '0.0.0')
  return complete(line.split(' '), await programOf(Object.values(COMMANDS), context), context)
}

test.each([
  { line: 'ser', found: ['services', 'service', 'servers'] },
  { line: 'service ', found: ['scale', 'restart'] },
  { line: 'service sc', found: ['scale'] },
  { line: 'service scale w', found: ['web', 'worker'] },
  { line: 'service scale web ', found: [] },
  { line: 'logs web', found: ['web', 'web.1.1', 'web.2.1'] },
  { line: 'logs -f wo', found: ['worker', 'worker.1.1'] },
  { line: 'logs --tail 5 wo', found: ['worker', 'worker.1.1'] },
  { line: 'exec web.2', found: ['web.2.1'] },
  { line: 'plan --ex', found: ['--exit-code'] },
  { line: 'plan --js', found: ['--json'] },
  { line: 'up --strategy b', found: ['bin-pack'] },
  { line: 'task run --restart on', found: ['on-failure'] },
  { line: 'completion ', found: ['bash', 'zsh', 'fish'] },
  { line: 'rollback ', found: ['1'] },
  { line: 'nodes ', found: ['1'] },
  { line: 'apply --config ', found: [] },
  { line: 'nonsense x', found: [] },
])('`gantry $line` goes on with $found', async ({ line, found }) => {
  expect(await candidates(line)).toEqual(found)
})

test('without a server only what the program knows by itself is offered', async () => {
  expect(await candidates('logs ', '/no/such/socket')).toEqual([])
  expect(await candidates('task ', '/no/such/socket')).toEqual(['run', 'ls', 'get', 'stop'])
})

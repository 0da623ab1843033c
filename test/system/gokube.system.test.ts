import { expect, test } from 'vitest'
import type { GokubeTask } from '../../src/core/compat/gokube.ts'
import type { GokubeStats } from '../../src/core/compat/gokube-stats.ts'
import { aGantry, tokenOf, until } from './gantry.ts'

/** Three ports in a row that nobody listens on, above a random one. */
function aFirstPort(): number {
  return 10_000 + 4 * Math.floor(Math.random() * 2_000)
}

test('gokube’s variables start a manager and three workers, and each worker answers for its own tasks', async () => {
  const port = aFirstPort()
  await using gantry = await aGantry({
    GANTRY_RUNTIME: 'process',
    CUBE_MANAGER_HOST: 'localhost',
    CUBE_MANAGER_PORT: String(port),
    CUBE_WORKER_HOST: 'localhost',
    CUBE_WORKER_PORT: String(port + 1),
  })
  await gantry.up()
  const headers = { authorization: `Bearer ${tokenOf(gantry)}`, 'content-type': 'application/json' }
  const ask = async (at: number, path: string, more: RequestInit = {}): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(`http://localhost:${port + at}${path}`, { headers, ...more })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) }
  }
  await until(
    () => gantry.json<unknown[]>('nodes'),
    (nodes) => nodes.length === 3,
  )
  for (let i = 0; i < 6; i++)
    expect(await gantry.run('task', 'run', '--name', `job-${i}`, '--', 'sleep', '100')).toMatchObject({ code: 0 })
  const own = await until(
    () => Promise.all([1, 2, 3].map(async (at) => (await ask(at, '/task')).body as readonly GokubeTask[])),
    (lists) => lists.flat().length === 6 && lists.flat().every(({ State }) => State === 2),
  )
  expect(own.map((tasks) => tasks.length)).toEqual([2, 2, 2])
  expect((await ask(0, '/task')).body).toHaveLength(6)
  for (const at of [1, 2, 3]) {
    const { status, body } = await ask(at, '/stats')
    expect([status, (body as GokubeStats).TaskCount]).toEqual([200, 2])
  }
  const id = own[0]?.[0]?.ID ?? ''
  expect(await ask(2, `/task/${id}`, { method: 'DELETE' })).toMatchObject({
    status: 404,
    body: { HttpStatusCode: 404 },
  })
  expect(await ask(1, `/task/${id}`, { method: 'DELETE' })).toEqual({ status: 204, body: null })
  const asked = {
    ID: crypto.randomUUID(),
    State: 2,
    Task: { ID: crypto.randomUUID(), Name: 'echo', Image: 'example/x:1' },
  }
  const posted = await ask(3, '/task', { method: 'POST', body: JSON.stringify(asked) })
  expect(posted).toMatchObject({ status: 201, body: { Name: 'echo', State: 0 } })
  expect(await ask(3, '/task', { method: 'POST', body: '{"Wrong":1}' })).toMatchObject({ status: 400 })
  // A worker's port serves nothing else, and nobody without the token.
  expect((await ask(1, '/api/v1/nodes')).status).toBe(404)
  expect((await ask(1, '/stats', { headers: {} })).status).toBe(401)
})

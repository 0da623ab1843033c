import { expect, test } from 'vitest'
import { cubeStart } from './cube-start.ts'

test('without its variables nothing is started for gokube', () => {
  expect(cubeStart({ CUBE_WORKER_PORT: '' })).toBeNull()
})

test.each([
  [{ CUBE_MANAGER_PORT: '7000' }, '127.0.0.1:7000', '127.0.0.1:5556'],
  [
    { CUBE_MANAGER_HOST: 'localhost', CUBE_WORKER_HOST: '10.0.0.1', CUBE_WORKER_PORT: '6000' },
    'localhost:5555',
    '10.0.0.1:6000',
  ],
  [{ CUBE_MANAGER_HOST: '5550' }, '127.0.0.1:5550', '127.0.0.1:5556'],
])('%j puts the manager at %s and the first worker at %s', (env, manager, first) => {
  const start = cubeStart(env)
  expect(`${start?.manager.host}:${start?.manager.port}`).toBe(manager)
  const places = start?.workers.map(({ name, host, port }) => `${name} ${host}:${port}`) ?? []
  expect(places).toHaveLength(3)
  expect(places[0]).toBe(`worker-0 ${first}`)
})

test.each([
  [{ CUBE_MANAGER_PORT: 'high' }, 'CUBE_MANAGER_PORT must be a port from 1 to 65535, not high'],
  [{ CUBE_WORKER_PORT: '65534' }, 'CUBE_WORKER_PORT must be a port from 1 to 65533, not 65534'],
  [{ CUBE_WORKER_PORT: '5554' }, 'the manager and worker-1 would listen on the same address, 127.0.0.1:5555'],
])('%j is refused: %s', (env, message) => {
  expect(() => cubeStart(env)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message }))
})

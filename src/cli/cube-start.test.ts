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
  [{ CUBE_MANAGER_HOST: '5557' }, '127.0.0.1:5557', '127.0.0.1:5556'],
])('%j puts the manager at %s and the first worker at %s', (env, manager, first) => {
  const start = cubeStart(env)
  expect(`${start?.manager.host}:${start?.manager.port}`).toBe(manager)
  const places = start?.workers.map(({ name, host, port }) => `${name} ${host}:${port}`) ?? []
  expect(places).toHaveLength(3)
  expect(places[0]).toBe(`worker-0 ${first}`)
})

test('a port that is none is refused', () => {
  expect(() => cubeStart({ CUBE_MANAGER_PORT: 'high' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})

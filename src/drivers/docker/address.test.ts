import { expect, test } from 'vitest'
import { parseEngineAddress, printEngineAddress } from './address.ts'

test.each([
  ['', 'unix:///var/run/docker.sock'],
  ['unix:///run/user/1000/docker.sock', 'unix:///run/user/1000/docker.sock'],
  ['tcp://127.0.0.1:2375', 'tcp://127.0.0.1:2375'],
  ['tcp://localhost', 'tcp://localhost:2375'],
  ['tcp://[::1]:1234', 'tcp://[::1]:1234'],
  ['http://127.0.0.1', 'tcp://127.0.0.1:80'],
])('DOCKER_HOST %j is the engine at %s', (text, expected) => {
  expect(printEngineAddress(parseEngineAddress(text))).toBe(expected)
})

test.each([
  ['docker', 'not an address'],
  ['ssh://ada@host', 'not an address'],
  ['unix://relative.sock', 'not an address'],
  ['tcp://192.0.2.1:2375', 'no TLS'],
  ['tcp://127.0.0.1.example.org:2375', 'no TLS'],
])('DOCKER_HOST %s is refused', (text, why) => {
  expect(() => parseEngineAddress(text)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(why) }),
  )
})

import { expect, test } from 'vitest'
import { OperationalError } from '../../core/errors.ts'
import { connectionFailure, refusal } from './errors.ts'

// The words are those of Docker 20.10 and 27, and of Podman 4.3.
test.each([
  [404, 'No such image: web:1', 'IMAGE_UNAVAILABLE'],
  [404, 'manifest for web:9 not found: manifest unknown: manifest unknown', 'IMAGE_UNAVAILABLE'],
  [404, 'pull access denied for web, repository does not exist or may require ...', 'IMAGE_UNAVAILABLE'],
  [404, 'No such container: web.1.1.abcd', 'NOT_FOUND'],
  [404, 'no such container', 'NOT_FOUND'],
  [404, 'network shop not found', 'RUNTIME_REFUSED'],
  [409, 'Conflict. The container name "/web.1.1" is already in use by container "ab".', 'ALREADY_EXISTS'],
  [500, 'driver failed ...: Bind for 0.0.0.0:80 failed: port is already allocated', 'PORT_IN_USE'],
  [500, 'Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use', 'PORT_IN_USE'],
  [500, 'connection error: dial unix:///run/containerd/containerd.sock: timeout', 'UNAVAILABLE'],
  [503, 'This node is not a swarm manager.', 'UNAVAILABLE'],
  [400, 'Minimum memory limit allowed is 6MB', 'RUNTIME_REFUSED'],
  [500, 'failed to create shim task: OCI runtime create failed', 'RUNTIME_REFUSED'],
])('a refusal %i %s is %s, in the words of the engine', (status, message, code) => {
  expect(refusal(status, `${message}\n`, 'start container web.1.1')).toMatchObject({
    code,
    message: `cannot start container web.1.1: ${message}`,
  })
})

test('a refusal without words tells its status', () => {
  expect(refusal(502, '', 'list containers').message).toBe('cannot list containers: status 502')
})

test.each([
  ['ENOENT', 'the socket does not exist'],
  ['ECONNREFUSED', 'the connection was refused'],
  ['EACCES', 'permission to use the socket was denied'],
  ['ECONNRESET', 'the connection was lost'],
  ['EMFILE', 'too many files'],
])('a connection that fails with %s is UNAVAILABLE: %s', (code, why) => {
  const error = Object.assign(new Error('too many files'), { code })
  expect(connectionFailure(error, 'list containers', 'unix:///d.sock')).toMatchObject({
    code: 'UNAVAILABLE',
    message: `cannot list containers: no answer from the engine at unix:///d.sock: ${why}`,
  })
})

test('what is translated already stays as it is', () => {
  const error = new OperationalError('TIMEOUT', 'cannot list containers: too slow')
  expect(connectionFailure(error, 'do something else', 'unix:///d.sock')).toBe(error)
})

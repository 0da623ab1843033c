import { expect, test } from 'vitest'
import { parseImageRef } from './image-ref.ts'

const digest = `sha256:${'a'.repeat(64)}`

test.each<[string, string]>([
  ['nginx', 'docker.io library/nginx latest -'],
  ['nginx:1.27-alpine', 'docker.io library/nginx 1.27-alpine -'],
  ['bitnami/redis', 'docker.io bitnami/redis latest -'],
  ['docker.io/nginx', 'docker.io library/nginx latest -'],
  ['index.docker.io/a/b', 'docker.io a/b latest -'],
  ['ghcr.io/a/b/c:2', 'ghcr.io a/b/c 2 -'],
  ['host:5000/name', 'host:5000 name latest -'],
  ['localhost/name', 'localhost name latest -'],
  ['127.0.0.1:5000/x:1', '127.0.0.1:5000 x 1 -'],
  ['[::1]:5000/x', '[::1]:5000 x latest -'],
  [`nginx@${digest}`, `docker.io library/nginx - ${digest}`],
  [`host:5000/a/b:1@${digest}`, `host:5000 a/b 1 ${digest}`],
  ['a__b/c-d.e', 'docker.io a__b/c-d.e latest -'],
])('the image %s is %s', (text, expected) => {
  const ref = parseImageRef(text)
  const shown =
    typeof ref === 'string' ? ref : `${ref.registry} ${ref.repository} ${ref.tag ?? '-'} ${ref.digest ?? '-'}`
  expect(shown).toBe(expected)
})

test.each([
  '',
  'Nginx',
  'nginx:',
  'nginx: x',
  'a//b',
  '/a',
  'a/',
  'nginx@sha256:1',
  'nginx@',
  'a b',
  'a..b/c',
  `x${'y'.repeat(300)}`,
  `nginx:${'1'.repeat(129)}`,
  'http://host/x',
])('%j is no image reference, and the reason is said', (text) => {
  expect(parseImageRef(text)).toMatch(/./)
})

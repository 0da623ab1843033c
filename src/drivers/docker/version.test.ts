import { expect, test } from 'vitest'
import { negotiateVersion } from './version.ts'

test.each([
  ['1.41', '1.12', '1.41'],
  ['1.47', '1.24', '1.47'],
  ['1.52', '1.44', '1.47'],
  ['1.40', undefined, '1.40'],
])('with an engine of %s (from %s) it speaks %s', (ApiVersion, MinAPIVersion, expected) => {
  expect(negotiateVersion({ ApiVersion, MinAPIVersion })).toBe(expected)
})

test.each([
  [{ ApiVersion: '1.24' }, 'older than 1.40'],
  [{ ApiVersion: '1.60', MinAPIVersion: '1.50' }, 'newer than 1.47'],
  [{ ApiVersion: 'next' }, 'names no version'],
  [null, 'names no version'],
])('an engine that answers %j is not available', (body, why) => {
  expect(() => negotiateVersion(body)).toThrow(
    expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringContaining(why) }),
  )
})

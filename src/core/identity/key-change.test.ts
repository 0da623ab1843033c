import { expect, test } from 'vitest'
import { plainAuthority } from '../../../test/plain-certifier.ts'
import type { CertificateAuthority } from '../model/identity.ts'
import { finishKeyChange, holdersBehind, planKeyChange, prepareKeyChange, switchKey, wantedKeys } from './key-change.ts'

const NONE = plainAuthority()
const PREPARED = prepareKeyChange(NONE, 'k2', 7)
const SWITCHED = switchKey(PREPARED, sealedWith(PREPARED, 'k2'), 8)

function sealedWith(authority: CertificateAuthority, keyId: string): CertificateAuthority {
  const { signing } = authority
  return { ...authority, signing: { ...signing, sealedKey: { ...signing.sealedKey, keyId } } }
}

test.each([
  ['no change', NONE, ['k'], 'nothing'],
  ['a prepared one', PREPARED, ['k', 'k2'], 'switch'],
  ['one that has switched', SWITCHED, ['k2', 'k'], 'finish'],
] as const)('with %s every server must hold what is wanted, in that order, before it goes on', (_, authority, keys, step) => {
  expect(wantedKeys(authority)).toEqual(keys)
  const there = { nodeId: 1, holds: keys }
  expect(planKeyChange(authority, [there])).toBe(step)
  for (const holds of [[], ['x'], [...keys, 'x'], [...keys].reverse().slice(0, keys.length > 1 ? 2 : 0)]) {
    expect(holdersBehind(authority, [there, { nodeId: 2, holds }])).toEqual([2])
    expect(planKeyChange(authority, [there, { nodeId: 2, holds }])).toBe(step === 'nothing' ? 'nothing' : 'wait')
  }
})

test('a key that no server is left to give away is replaced, and the change goes on from when it began', () => {
  const again = prepareKeyChange(PREPARED, 'k3', 9)
  expect(again.keyChange).toEqual({ kind: 'prepared', since: 7, next: 'k3' })
})

test('a key that seals is not replaced before the change has ended', () => {
  expect(() => prepareKeyChange(SWITCHED, 'k3', 9)).toThrow('a change of it is on the way already')
  expect(finishKeyChange(SWITCHED)).toEqual(sealedWith(NONE, 'k2'))
})

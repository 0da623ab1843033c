import { expect, test } from 'vitest'
import type { CertificateAuthority, SigningKey } from '../model/identity.ts'
import {
  crossChain,
  finishRotation,
  planRotation,
  prepareRotation,
  type RotationProgress,
  switchAuthority,
} from './rotation.ts'

function aSigningKey(certificate: string): SigningKey {
  return { certificate, sealedKey: { keyId: 'k', nonce: '', ciphertext: `key of ${certificate}`, tag: '' } }
}

const at: CertificateAuthority = {
  bundle: ['old'],
  signing: aSigningKey('old'),
  rotation: { kind: 'none' },
  clusterSecret: null,
}
const prepared = prepareRotation(at, aSigningKey('new'), 'new by old', 5)
const switched = switchAuthority(prepared, 6)
const finished = finishRotation(switched)

test('a change of the authority goes from the old one alone over both to the new one alone', () => {
  const steps = [at, prepared, switched, finished]
  expect(steps.map(({ bundle }) => bundle)).toEqual([['old'], ['old', 'new'], ['new', 'old'], ['new']])
  expect(steps.map(({ signing }) => signing.certificate)).toEqual(['old', 'old', 'new', 'new'])
  expect(steps.map(({ rotation }) => rotation.kind)).toEqual(['none', 'prepared', 'switched', 'none'])
})

test('whoever signs is always trusted, and comes first', () => {
  for (const { bundle, signing } of [at, prepared, switched, finished]) expect(bundle[0]).toBe(signing.certificate)
})

test('the old private key is forgotten when the next authority signs', () => {
  expect(JSON.stringify(prepared)).toContain('key of old')
  expect(JSON.stringify(switched)).not.toContain('key of old')
})

test('the cross-signed certificate is presented while both are trusted and the next one signs', () => {
  expect([at, prepared, switched, finished].map(crossChain)).toEqual([[], [], ['new by old'], []])
})

test('steps that are not due are refused', () => {
  expect(() => prepareRotation(prepared, aSigningKey('third'), '', 7)).toThrow('on the way already')
  expect(() => prepareRotation(switched, aSigningKey('third'), '', 7)).toThrow('on the way already')
  expect(() => switchAuthority(at, 7)).toThrow('no next authority is prepared')
  expect(() => switchAuthority(switched, 7)).toThrow('no next authority is prepared')
  expect(() => finishRotation(prepared)).toThrow('does not sign yet')
})

const nodes = (...progress: readonly [boolean, boolean][]): RotationProgress[] =>
  progress.map(([trustsNext, holdsNext], i) => ({ nodeId: i + 1, trustsNext, holdsNext }))

test.each([
  { name: 'nothing is due without a change', authority: at, nodes: nodes([false, false]), is: 'nothing' },
  { name: 'all trust the next one', authority: prepared, nodes: nodes([true, false], [true, false]), is: 'switch' },
  { name: 'one does not trust it yet', authority: prepared, nodes: nodes([true, false], [false, false]), is: 'wait 2' },
  { name: 'all hold its certificates', authority: switched, nodes: nodes([true, true]), is: 'finish' },
  {
    name: 'some hold old ones',
    authority: switched,
    nodes: nodes([true, false], [true, true], [true, false]),
    is: 'wait 1,3',
  },
])('change of the authority: $name', ({ authority, nodes: progress, is }) => {
  const step = planRotation(authority, progress)
  expect(step.kind === 'wait' ? `wait ${step.nodes.join()}` : step.kind).toBe(is)
})

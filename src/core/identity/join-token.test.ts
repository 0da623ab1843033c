import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OperationalError } from '../errors.ts'
import { ROLES } from '../model/identity.ts'
import { formatJoinToken, type JoinToken, parseJoinToken } from './join-token.ts'

const token: JoinToken = {
  role: 'agent',
  authorityHash: 'a'.repeat(52),
  id: 'b'.repeat(10),
  secret: 'secretsecretsecretsecretsecret22',
}
const text = formatJoinToken(token)

const base32 = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567'), minLength: length, maxLength: length })
const aToken = fc.record({
  role: fc.constantFrom(...ROLES),
  authorityHash: base32(52),
  id: base32(10),
  secret: base32(32),
})

test('a token reads GJT1, role, hash, id, secret', () => {
  expect(text).toBe(`GJT1-agent-${'a'.repeat(52)}-${'b'.repeat(10)}-secretsecretsecretsecretsecret22`)
})

test('every token is read as it was written, also in capitals and with white space around it', () => {
  fc.assert(
    fc.property(aToken, (written) => {
      expect(parseJoinToken(formatJoinToken(written))).toEqual(written)
      expect(parseJoinToken(`  ${formatJoinToken(written).toUpperCase()}\n`)).toEqual(written)
    }),
  )
})

test.each([
  { text: '', says: 'it does not begin with GJT1-' },
  { text: 'hello', says: 'it does not begin with GJT1-' },
  { text: 'GJT1-', says: 'its role is neither server nor agent' },
  { text: text.replace('agent', 'admin'), says: 'its role is neither server nor agent' },
  { text: 'GJT1-agent', says: 'its hash of the authority is missing' },
  { text: text.replace('aa-', 'a-'), says: 'its hash of the authority has 51 characters instead of 52' },
  { text: text.slice(0, 66), says: 'its id has 2 characters instead of 10' },
  { text: text.slice(0, -33), says: 'its secret is missing' },
  { text: text.slice(0, -1), says: 'its secret has 31 characters instead of 32' },
  { text: `${text.slice(0, -1)}!`, says: 'its secret has characters other than a-z and 2-7' },
  { text: `${text}-more`, says: 'it has 6 parts instead of 5' },
])('a wrong token is refused: $says', ({ text: wrong, says }) => {
  expect(() => parseJoinToken(wrong)).toThrow(says)
})

test('what is wrong with a token is said without showing any of it', () => {
  const shown = fc.tuple(aToken, fc.nat(95), fc.constantFrom('', '!', '-', 'zz'))
  fc.assert(
    fc.property(shown, ([written, at, by]) => {
      const whole = formatJoinToken(written)
      try {
        parseJoinToken(whole.slice(0, at) + by + whole.slice(at + 1))
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error
        expect(error.code).toBe('USAGE')
        const said = `${error.message} ${error.hint}`
        for (const part of [written.secret.slice(0, 8), written.secret.slice(-8)]) expect(said).not.toContain(part)
      }
    }),
  )
})

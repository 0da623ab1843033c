import { expect, test } from 'vitest'
import { aCertifier, CLUSTER } from '../../test/link-bed.ts'
import { OperationalError } from '../core/errors.ts'
import { describeCertificate } from '../drivers/pki/describe-certificate.ts'
import type { StoredIdentity } from '../drivers/pki/identity-files.ts'
import { createRng } from '../lib/rng.ts'
import type { Clock } from '../ports/clock.ts'
import { keepRenewed } from './renewal.ts'

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const HOUR = 3_600_000

/** A clock that goes to the next moment that somebody waits for, as soon as nobody has anything else to do. */
function leapingClock(): Clock & { leapUntil(end: number): Promise<void> } {
  let now = Date.now()
  let waiting: { readonly at: number; readonly call: () => void } | null = null
  let onWait: () => void = () => undefined
  return {
    now: () => now,
    callAt: (at, call) => {
      waiting = { at, call }
      onWait()
      return () => {
        waiting = null
      }
    },
    leapUntil: async (end) => {
      while (now < end) {
        if (waiting === null)
          await new Promise<void>((resolve) => {
            onWait = resolve
          })
        const { at, call } = waiting ?? { at: end, call: () => undefined }
        waiting = null
        now = at
        call()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

test('a certificate is renewed in the second half of its life, again and again, whatever fails in between', async () => {
  const clock = leapingClock()
  const certify = await aCertifier(CLUSTER)
  let present: StoredIdentity = await certify('agent', 2, clock.now())
  const ending = new AbortController()
  const renewals: number[] = []
  let asked = 0
  const done = keepRenewed(
    {
      clock,
      rng: createRng(1),
      log: SILENT,
      present: () => present,
      renew: async () => {
        asked += 1
        // Every second time no server answers.
        if (asked % 2 === 1) throw new OperationalError('UNAVAILABLE', 'nobody answers')
        return certify('agent', 2, clock.now())
      },
      take: async (next) => {
        const { notBefore, notAfter } = describeCertificate(present.certificate)
        renewals.push((clock.now() - notBefore) / (notAfter - notBefore))
        present = next
      },
    },
    ending.signal,
  )
  await clock.leapUntil(clock.now() + 5 * HOUR)
  ending.abort(new Error('enough'))
  await done
  expect(renewals.length).toBeGreaterThan(4)
  for (const share of renewals) {
    expect(share).toBeGreaterThan(0.5)
    expect(share).toBeLessThan(0.9)
  }
})

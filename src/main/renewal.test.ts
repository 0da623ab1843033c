import { expect, test } from 'vitest'
import { aCertifier, CLUSTER } from '../../test/link-bed.ts'
import { SILENT } from '../../test/silent-log.ts'
import { OperationalError } from '../core/errors.ts'
import { describeCertificate } from '../drivers/pki/describe-certificate.ts'
import type { StoredIdentity } from '../drivers/pki/identity-files.ts'
import { createRng } from '../lib/rng.ts'
import type { Clock } from '../ports/clock.ts'
import { Renewal } from './renewal.ts'

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

interface Renewed {
  readonly renewal: Renewal
  readonly clock: ReturnType<typeof leapingClock>
  /** At which part of the certificate's life each renewal was. */
  readonly shares: number[]
  readonly asked: () => number
  /** Lets the hours pass, and ends. */
  readonly pass: (ms: number) => Promise<void>
}

async function renewing(options: {
  readonly madeAgo?: number
  readonly answers?: (asked: number) => boolean
}): Promise<Renewed> {
  const { madeAgo = 0, answers = () => true } = options
  const clock = leapingClock()
  const certify = await aCertifier(CLUSTER)
  let present: StoredIdentity = await certify('agent', 2, clock.now() - madeAgo)
  const shares: number[] = []
  let asked = 0
  const renewal = new Renewal({
    ...{ clock, wall: clock.now, rng: createRng(1), log: SILENT, present: () => present },
    renew: async () => {
      asked += 1
      if (!answers(asked)) throw new OperationalError('UNAVAILABLE', 'nobody answers')
      return certify('agent', 2, clock.now())
    },
    take: async (next) => {
      const { notBefore, notAfter } = describeCertificate(present.certificate)
      shares.push((clock.now() - notBefore) / (notAfter - notBefore))
      present = next
    },
  })
  const done = renewal.run()
  const pass = async (ms: number): Promise<void> => {
    await clock.leapUntil(clock.now() + ms)
    renewal.end()
    await done
  }
  return { renewal, clock, shares, asked: () => asked, pass }
}

test('a certificate is renewed in the second half of its life, again and again, whatever fails in between', async () => {
  // Every second time no server answers.
  const { shares, pass } = await renewing({ answers: (asked) => asked % 2 === 0 })
  await pass(5 * HOUR)
  expect(shares.length).toBeGreaterThan(4)
  for (const share of shares) {
    expect(share).toBeGreaterThan(0.5)
    expect(share).toBeLessThan(0.9)
  }
})

test('a certificate that has expired while the machine slept is renewed at once', async () => {
  const { shares, pass } = await renewing({ madeAgo: 30 * HOUR })
  await pass(60_000)
  expect(shares).toHaveLength(1)
  expect(shares[0]).toBeGreaterThan(1)
})

test('a certificate that is not good yet by this clock is renewed at once too', async () => {
  const { shares, pass } = await renewing({ madeAgo: -24 * HOUR })
  await pass(60_000)
  expect(shares).toHaveLength(1)
  expect(shares[0]).toBeLessThan(0)
})

test('a renewal that is asked for comes within the time that was given, and once', async () => {
  const { renewal, shares, pass } = await renewing({})
  renewal.soon(60_000)
  renewal.soon(120_000)
  await pass(10 * 60_000)
  expect(shares).toHaveLength(1)
  expect(shares[0]).toBeLessThan(0.2)
})

test('while the certificate is good for nothing, servers are asked again every few seconds', async () => {
  const { asked, pass } = await renewing({ madeAgo: 30 * HOUR, answers: () => false })
  await pass(60_000)
  expect(asked()).toBeGreaterThan(14)
  expect(asked()).toBeLessThan(32)
})

import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/sim/clock.ts'
import type { AgentMessage, Hello } from '../core/model/message.ts'
import { createRng } from '../lib/rng.ts'
import { Session, type SessionDeps } from './session.ts'

test('a machine that got another address tells it with its next connection', async () => {
  const clock = new VirtualClock({ guarded: false })
  const addresses = ['10.0.0.3', '10.0.0.77']
  const told: (string | null)[] = []
  let cut = (): void => undefined
  const ignored = (): void => undefined
  const session = new Session({
    clock,
    rng: createRng(1),
    log: { debug: ignored, info: ignored, warn: ignored, error: ignored },
    link: {
      connect: async () => ({
        address: addresses.shift() ?? null,
        send: (message: AgentMessage) => {
          if (message.kind === 'hello') told.push(message.address)
        },
        onMessage: ignored,
        onClose: (handle) => {
          cut = handle
        },
        close: ignored,
      }),
      prefer: ignored,
    },
    calls: {} as SessionDeps['calls'],
    hello: (address) => ({ kind: 'hello', address }) as Hello,
    onAssignment: ignored,
    onTrust: ignored,
    onRefused: ignored,
    onRenewed: ignored,
  })
  session.start()
  await clock.runUntil(clock.now() + 100, () => true)
  session.introduce()
  cut()
  await clock.runUntil(clock.now() + 10_000, () => true)
  session.introduce()
  expect(told).toEqual(['10.0.0.3', '10.0.0.3', '10.0.0.77', '10.0.0.77'])
  session.stop()
})

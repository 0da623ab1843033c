import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/sim/clock.ts'
import type { AgentMessage, Hello, ServerMessage } from '../core/model/message.ts'
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

test('why a server refuses a node is said once, until another one takes it', async () => {
  const clock = new VirtualClock({ guarded: false })
  const errors: string[] = []
  const ignored = (): void => undefined
  let answer: ServerMessage = { kind: 'refused', message: 'of another cluster' }
  const session = new Session({
    clock,
    rng: createRng(1),
    log: { debug: ignored, info: ignored, warn: ignored, error: (_, facts) => errors.push(String(facts?.['reason'])) },
    link: {
      connect: async () => {
        let closed: () => void = ignored
        return {
          address: null,
          send: ignored,
          onMessage: (handle) => handle(answer),
          onClose: (handle) => {
            closed = handle
          },
          close: () => void clock.callAt(clock.now(), () => closed()),
        }
      },
      prefer: ignored,
    },
    calls: {} as SessionDeps['calls'],
    hello: () => ({ kind: 'hello' }) as Hello,
    onAssignment: ignored,
    onTrust: ignored,
    onRefused: ignored,
    onRenewed: ignored,
  })
  session.start()
  await clock.runUntil(clock.now() + 60_000, () => true)
  expect(errors).toEqual(['of another cluster'])
  answer = { kind: 'refused', message: 'too old' }
  await clock.runUntil(clock.now() + 60_000, () => true)
  expect(errors).toEqual(['of another cluster', 'too old'])
  session.stop()
})

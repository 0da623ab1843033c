import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { Reach } from '../../ports/reach.ts'
import { isMachineSilent } from './silent-machine.ts'

type Answer = Awaited<ReturnType<Reach['knock']>>

/** Says one after the other, and then the last again and again. */
function answering(...answers: readonly Answer[]): Pick<Reach, 'knock'> & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    knock: async (address) => {
      asked.push(address)
      return answers[Math.min(asked.length, answers.length) - 1] ?? 'silent'
    },
  }
}

function aSocket({ bytesRead = 0, destroyed = false } = {}): Socket {
  return { bytesRead, destroyed } as Socket
}

test('a machine is silent when three knocks in a row got nothing', async () => {
  const reach = answering('silent')
  expect(await isMachineSilent('server:7947', aSocket(), reach)).toBe(true)
  expect(reach.asked).toEqual(['server:7947', 'server:7947', 'server:7947'])
})

test('one that takes the connection, or refuses it, is there', async () => {
  for (const answers of [['open'], ['refused'], ['silent', 'silent', 'open'], ['silent', 'refused']] as const) {
    expect(await isMachineSilent('server:7947', aSocket(), answering(...answers)), answers.join()).toBe(false)
  }
})

test('one that says something meanwhile is there, and nobody asks about a connection that is over', async () => {
  let bytes = 0
  const chatty = {
    destroyed: false,
    get bytesRead(): number {
      return bytes++
    },
  } as Socket
  expect(await isMachineSilent('server:7947', chatty, answering('silent'))).toBe(false)
  const reach = answering('silent')
  expect(await isMachineSilent('server:7947', aSocket({ destroyed: true }), reach)).toBe(false)
  expect(reach.asked).toHaveLength(1)
})

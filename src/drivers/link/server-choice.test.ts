import { expect, test } from 'vitest'
import { createRng } from '../../lib/rng.ts'
import { ServerChoice } from './server-choice.ts'

const SERVERS = ['a:1', 'b:1', 'c:1']

test('all servers are tried, each once, and different agents begin at different ones', () => {
  const orders = Array.from({ length: 40 }, (_, n) => new ServerChoice(() => SERVERS, createRng(n)).next())
  for (const order of orders) expect(order.toSorted()).toEqual(SERVERS)
  expect(new Set(orders.map((order) => order[0])).size).toBe(3)
})

test('the server that served last is tried first, until it fails or is no server any more', () => {
  let servers: readonly string[] = SERVERS
  const choice = new ServerChoice(() => servers, createRng(1))
  for (const address of SERVERS) {
    choice.answered(address)
    expect(choice.next()[0]).toBe(address)
  }
  servers = ['a:1']
  expect(choice.next()).toEqual(['a:1'])
  servers = SERVERS
  choice.failed('c:1')
  const firsts = Array.from({ length: 40 }, () => choice.next()[0])
  expect(new Set(firsts)).toEqual(new Set(['a:1', 'b:1']))
})

test('a server that failed comes last until it has answered, and any is tried when all have failed', () => {
  const choice = new ServerChoice(() => SERVERS, createRng(1))
  choice.failed('b:1')
  for (let i = 0; i < 20; i++) expect(choice.next()[2]).toBe('b:1')
  choice.answered('b:1')
  choice.elsewhere(null)
  const firsts = (): Set<string | undefined> => new Set(Array.from({ length: 40 }, () => choice.next()[0]))
  expect(firsts().size).toBe(3)
  for (const address of SERVERS) choice.failed(address)
  expect(firsts().size).toBe(3)
})

test('where an agent was sent to comes before all others, also if only another server knew of it', () => {
  const choice = new ServerChoice(() => SERVERS, createRng(1))
  choice.answered('a:1')
  choice.redirect('new:1')
  expect(choice.next().slice(0, 2)).toEqual(['new:1', 'a:1'])
  expect(choice.next()).toHaveLength(4)
  choice.failed('new:1')
  expect(choice.next()[0]).toBe('a:1')
})

test('a server that does not lead is not tried first again', () => {
  const choice = new ServerChoice(() => SERVERS, createRng(1))
  choice.answered('a:1')
  choice.elsewhere(null)
  expect(new Set(Array.from({ length: 40 }, () => choice.next()[0])).size).toBe(3)
  choice.answered('a:1')
  choice.elsewhere('c:1')
  expect(choice.next()[0]).toBe('c:1')
})

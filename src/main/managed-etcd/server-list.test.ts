import { expect, test } from 'vitest'
import { serverList } from './server-list.ts'

const link = (advertise: string, port = 7947) => ({ host: '0.0.0.0', port, advertise, discovery: null })

test('a server finds itself in the list by what others dial', () => {
  const list = ['10.0.0.1', '10.0.0.2:7947', '[fd00::3]:7000']
  expect(serverList(list, link('10.0.0.1'))).toEqual({
    own: { address: '10.0.0.1:7947', host: '10.0.0.1' },
    isFirst: true,
    others: ['10.0.0.2:7947', '[fd00::3]:7000'],
    hosts: ['10.0.0.1', '10.0.0.2', 'fd00::3'],
  })
  expect(serverList(list, link('[fd00::3]', 7000))).toMatchObject({
    isFirst: false,
    others: ['10.0.0.1:7947', '10.0.0.2:7947'],
  })
})

test.each([
  ['no list', [], 'names 0 servers'],
  ['eight', Array.from({ length: 8 }, (_, index) => `10.0.0.${index}`), 'names 8 servers'],
  ['one twice', ['10.0.0.1', '10.0.0.1:7947'], 'twice'],
  ['without this one', ['10.0.0.2', '10.0.0.3'], 'does not name this server: others dial it at 10.0.0.1:7947'],
  ['this one with another port', ['10.0.0.1:7000', '10.0.0.3'], 'does not name this server'],
] as const)('a list of servers is refused: %s', (_, list, message) => {
  expect(() => serverList(list, link('10.0.0.1'))).toThrow(message)
})

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { tryPort } from './port-facts.ts'

const wanted = { host: '127.0.0.1', purpose: 'test', needed: true }

test('a port that somebody listens on is taken, and one that nobody does is free', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(await tryPort({ ...wanted, port, protocol: 'tcp' })).toMatchObject({ port, taken: 'another program has it' })
  await new Promise((resolve) => server.close(resolve))
  expect(await tryPort({ ...wanted, port, protocol: 'tcp' })).toMatchObject({ port, taken: null })
})

test('so is one of UDP, and an address of another machine cannot be listened on', async () => {
  const socket = createSocket('udp4')
  onTestFinished(() => void socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  expect(await tryPort({ ...wanted, port, protocol: 'udp' })).toMatchObject({ taken: 'another program has it' })
  expect(await tryPort({ ...wanted, host: '192.0.2.1', port: 0, protocol: 'udp' })).toMatchObject({
    taken: 'that is no address of this machine',
  })
})

import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { sourceAddress } from './source-address.ts'

const outward = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family, address }) => !internal && family === 'IPv4' && !address.startsWith('169.254.'))?.address

test('towards this very machine there is no address that means something to others', async () => {
  expect(await sourceAddress(['127.0.0.1:7947', '[::1]:7947'])).toBeNull()
})

test('a name that nobody knows and no server at all tell nothing', async () => {
  expect(await sourceAddress(['no-such-host.invalid'])).toBeNull()
  expect(await sourceAddress([])).toBeNull()
})

test('it is the one by which the first server with a route is reached', async () => {
  const servers = ['127.0.0.1', ...(outward === undefined ? [] : [`${outward}:7947`])]
  expect(await sourceAddress(servers)).toBe(outward ?? null)
})

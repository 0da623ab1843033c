import { expect, test } from 'vitest'
import type { Authority } from '../model/message.ts'
import { judgeAuthority } from './fence.ts'

const held: Authority = { clusterId: 'a', incarnation: 2, epoch: 5, revision: 100 }

test.each<{ name: string; held: Authority | null; offered: Partial<Authority>; is: string; vouched?: boolean }>([
  { name: 'a node that obeyed nobody yet takes the first', held: null, offered: {}, is: 'accept' },
  { name: 'the same reign goes on', held, offered: { revision: 101 }, is: 'accept' },
  { name: 'the same message again is harmless', held, offered: {}, is: 'accept' },
  { name: 'an older message of the same reign is late', held, offered: { revision: 99 }, is: 'stale' },
  { name: 'an older leader is late', held, offered: { epoch: 4, revision: 200 }, is: 'stale' },
  { name: 'a newer leader takes over', held, offered: { epoch: 6, revision: 100 }, is: 'accept' },
  { name: 'a newer leader that knows less has lost state', held, offered: { epoch: 6, revision: 99 }, is: 'refuse' },
  { name: 'a restored state begins anew', held, offered: { incarnation: 3, epoch: 1, revision: 1 }, is: 'accept' },
  {
    name: 'a higher incarnation that nobody signed is refused',
    held,
    offered: { incarnation: 3, epoch: 9, revision: 999 },
    is: 'refuse',
    vouched: false,
  },
  {
    name: 'the incarnation that it knows needs no proof',
    held,
    offered: { revision: 101 },
    is: 'accept',
    vouched: false,
  },
  { name: 'an older incarnation is refused', held, offered: { incarnation: 1, epoch: 9, revision: 999 }, is: 'refuse' },
  { name: 'another cluster is refused', held, offered: { clusterId: 'b', epoch: 9, revision: 999 }, is: 'refuse' },
])('authority: $name', ({ held: before, offered, is, vouched = true }) => {
  expect(judgeAuthority(before, { ...held, ...offered }, () => vouched).kind).toBe(is)
})

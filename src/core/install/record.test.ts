import { expect, test } from 'vitest'
import { parseInstallRecord } from './record.ts'

test('the journal of an install reads back, and what is none is refused', () => {
  const record = {
    ...{ format: 1, state: 'installing', step: 'join', madeDirectories: ['/srv/g'], unit: null },
    ...{ worker: { pid: 1, startTicks: 2, bootId: 'b' }, settings: { data_dir: '/srv/g', node: { role: 'agent' } } },
  }
  expect(parseInstallRecord(JSON.stringify(record), 'x')).toEqual(record)
  for (const text of ['', '{}', JSON.stringify({ ...record, format: 2 })])
    expect(() => parseInstallRecord(text, 'x')).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
})

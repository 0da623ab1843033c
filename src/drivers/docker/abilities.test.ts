import { expect, test } from 'vitest'
import { type EngineFacts, unsupportedFields } from './abilities.ts'

const ALL: EngineFacts = {
  CgroupVersion: '1',
  CgroupDriver: 'cgroupfs',
  KernelVersion: '5.10.0-8-amd64',
  MemoryLimit: true,
  SwapLimit: true,
  KernelMemory: true,
  CpuCfsQuota: true,
  CPUShares: true,
  CPUSet: true,
  Warnings: null,
}

test.each<{ name: string; facts: EngineFacts; blkioWeight?: boolean | null; unsupported: string[] }>([
  { name: 'an engine that has all', facts: {}, unsupported: [] },
  { name: 'a kernel that cannot weigh block I/O', facts: {}, blkioWeight: false, unsupported: ['blkioWeight'] },
  {
    name: 'an engine that warns of it',
    facts: { Warnings: ['WARNING: No blkio weight support'] },
    unsupported: ['blkioWeight'],
  },
  { name: 'an unknown kernel', facts: {}, blkioWeight: null, unsupported: [] },
  {
    name: 'a kernel that ignores limits of kernel memory, though the engine takes them',
    facts: { KernelVersion: '5.16.1' },
    unsupported: ['kernelMemoryBytes'],
  },
  { name: 'a kernel before that', facts: { KernelVersion: '4.19.0' }, unsupported: [] },
  { name: 'an engine without swap accounting', facts: { SwapLimit: false }, unsupported: ['memorySwapBytes'] },
  {
    name: 'control groups of version 2',
    facts: { CgroupVersion: '2', KernelVersion: '6.1.0' },
    unsupported: ['kernelMemoryBytes', 'memorySwappiness'],
  },
  {
    name: 'an engine without root',
    facts: { CgroupDriver: 'none' },
    unsupported: [
      'cpuMillis',
      'memoryBytes',
      'memoryPercent',
      'memorySwapBytes',
      'kernelMemoryBytes',
      'memorySwappiness',
      'cpuShares',
      'cpusetCpus',
      'blkioWeight',
    ],
  },
])('$name: what it cannot honour has a reason', ({ facts, blkioWeight = true, unsupported }) => {
  const found = unsupportedFields({ ...ALL, ...facts }, { blkioWeight })
  expect(Object.keys(found).toSorted()).toEqual(unsupported.map((name) => `limits.${name}`).toSorted())
  for (const reason of Object.values(found)) expect(reason).not.toBe('')
})

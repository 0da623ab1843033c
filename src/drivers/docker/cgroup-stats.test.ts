import { expect, test } from 'vitest'
import { sample, statsFiles } from './cgroup-stats.ts'

test.each([
  {
    name: 'version 1',
    text: '9:name=systemd:/\n4:memory:/docker/f00\n2:cpu,cpuacct:/docker/f00\n0::/\n',
    files: { version: 1, cpu: '/sys/fs/cgroup/cpuacct/docker/f00', memory: '/sys/fs/cgroup/memory/docker/f00' },
  },
  {
    name: 'version 2',
    text: '0::/system.slice/docker-f00.scope\n',
    files: { version: 2, directory: '/sys/fs/cgroup/system.slice/docker-f00.scope' },
  },
  {
    name: 'version 1 beside version 2',
    text: '3:memory:/docker/f00\n2:cpuacct:/docker/f00\n0::/docker/f00\n',
    files: { version: 1, cpu: '/sys/fs/cgroup/cpuacct/docker/f00', memory: '/sys/fs/cgroup/memory/docker/f00' },
  },
  { name: 'those of another process', text: '0::/system.slice/ssh.service\n', files: null },
  { name: 'those of no process', text: '', files: null },
])('control groups of $name', ({ text, files }) => {
  expect(statsFiles(text, 'f00')).toEqual(files)
})

test('memory that the kernel would give up at once does not count', () => {
  expect(sample(12.7, 1_000, 300)).toEqual({ cpuMs: 12, memoryBytes: 700 })
  expect(sample(0, 100, 300)).toEqual({ cpuMs: 0, memoryBytes: 0 })
})

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  aProcessOrder,
  createProcess,
  exited,
  isGone,
  logTexts,
  ProcessBed,
  printed,
  startProcess,
} from '../../../test/process-bed.ts'
import { NO_LIMITS } from '../../core/manifest/normalize-limits.ts'
import { openCgroupTree, removeCgroupTree } from './cgroup-tree.ts'
import type { ProcessRuntime } from './runtime.ts'
import { TaskCgroup } from './task-cgroup.ts'

let bed: ProcessBed
let runtime: ProcessRuntime
let lacks: Readonly<Record<string, string>>

beforeEach(async () => {
  bed = new ProcessBed()
  runtime = bed.runtime()
  lacks = (await runtime.describe()).unsupported
})
afterEach(() => bed.close())

const NO_GROUPS = join(tmpdir(), 'no-control-groups-here')
const MEBIBYTE = 1024 * 1024

test('the limits of an order are in force for its program, or the description says why not', async () => {
  const script = `for c in $(cut -d: -f2,3 /proc/self/cgroup | grep gantry-); do
      for f in memory.limit_in_bytes memory.swappiness cpu.cfs_quota_us cpu.shares cpuset.cpus memory.max cpu.max; do
        file=/sys/fs/cgroup/\${c%%:*}\${c#*:}/$f
        [ ! -e "$file" ] || echo "$f $(cat "$file")"
      done
    done`
  const limits = { ...NO_LIMITS, cpuMillis: 500, memorySwappiness: 7, cpuShares: 512, cpusetCpus: '0' }
  const id = await startProcess(runtime, aProcessOrder({ script, limits }, { memoryBytes: 64 * MEBIBYTE }))
  expect(await exited(runtime, id)).toMatchObject({ exitCode: 0 })
  const seen = await logTexts(runtime, id)
  const expected = [
    { limit: 'memoryBytes', lines: ['memory.limit_in_bytes 67108864', 'memory.max 67108864'] },
    { limit: 'memorySwappiness', lines: ['memory.swappiness 7'] },
    { limit: 'cpuMillis', lines: ['cpu.cfs_quota_us 50000', 'cpu.max 50000 100000'] },
    { limit: 'cpuShares', lines: ['cpu.shares 512', 'cpu.weight 20'] },
    { limit: 'cpusetCpus', lines: ['cpuset.cpus 0'] },
  ]
  const found = expected.filter(({ lines }) => lines.some((line) => seen.includes(line))).map(({ limit }) => limit)
  const promised = expected.map(({ limit }) => limit).filter((limit) => lacks[`limits.${limit}`] === undefined)
  expect(found).toEqual(promised)
})

test('a program that uses more memory than its limit is killed, and it is said why', async () => {
  const script = 'head -c 200000000 /dev/zero | tail'
  const id = await startProcess(runtime, aProcessOrder({ script }, { memoryBytes: 16 * MEBIBYTE }))
  const isLimited = lacks['limits.memoryBytes'] === undefined
  expect(await exited(runtime, id)).toMatchObject({ outOfMemory: isLimited, exitCode: isLimited ? 137 : 0 })
})

test('a restart in place begins with fresh counters', async () => {
  const script = '[ -e again ] && exit 1; : >again; head -c 200000000 /dev/zero | tail'
  const id = await startProcess(runtime, aProcessOrder({ script }, { memoryBytes: 16 * MEBIBYTE }))
  const first = await exited(runtime, id)
  expect(first.outOfMemory).toBe(lacks['limits.memoryBytes'] === undefined)
  await runtime.start(id)
  expect(await exited(runtime, id)).toMatchObject({ exitCode: 1, outOfMemory: false })
})

test('a program that makes a session of its own does not get away, where there are control groups', async () => {
  const id = await startProcess(runtime, aProcessOrder({ script: 'setsid sleep 600 & echo $!; echo up; wait' }))
  await printed(runtime, id, 'up')
  const [pid] = await logTexts(runtime, id)
  await runtime.remove(id)
  const gotAway = lacks['limits.memoryBytes'] !== undefined
  expect(isGone(Number(pid))).toBe(!gotAway)
  if (gotAway) process.kill(Number(pid))
})

test('the processor time and memory of all processes of a task are counted', async () => {
  const script = '(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done); echo done; sleep 600'
  const id = await startProcess(runtime, aProcessOrder({ script }))
  await printed(runtime, id, 'done')
  const stats = await runtime.stats(id)
  expect(stats.cpuMs).toBeGreaterThan(1)
  expect(stats.memoryBytes).toBeGreaterThan(10_000)
})

test('a limit that the kernel does not take is refused by name', async () => {
  const id = await createProcess(runtime, aProcessOrder({ limits: { ...NO_LIMITS, cpusetCpus: '4000' } }))
  if (lacks['limits.cpusetCpus'] === undefined) {
    await expect(runtime.start(id)).rejects.toMatchObject({
      code: 'RUNTIME_REFUSED',
      message: expect.stringMatching(/cannot limit cpusetCpus to 4000/),
    })
  } else {
    await runtime.start(id)
  }
})

test('a removed task and a closed runtime leave no control group', async () => {
  const tree = openCgroupTree('/sys/fs/cgroup', 'gantry-test-leftovers')
  if (tree === null) {
    expect(lacks).toHaveProperty(['limits.memoryBytes'])
    return
  }
  const group = new TaskCgroup(tree, 'task', NO_LIMITS)
  group.create()
  expect(group.joinFiles.every((file) => existsSync(file))).toBe(true)
  expect(group.remove()).toBe(true)
  expect(group.members()).toBeNull()
  removeCgroupTree(tree)
  expect([...tree.directories.values()].filter((directory) => existsSync(directory))).toEqual([])
})

test('a task that has ended is kept without its control group, and none is left by a runtime that is closed then', async () => {
  const script = 'cut -d: -f2,3 /proc/self/cgroup | grep gantry-; exit 1'
  const id = await startProcess(runtime, aProcessOrder({ script }))
  await exited(runtime, id)
  const groups = (await logTexts(runtime, id)).map((line) => join('/sys/fs/cgroup', ...line.split(':')))
  expect(groups.length > 0).toBe(lacks['limits.memoryBytes'] === undefined)
  expect(groups.filter((path) => existsSync(path))).toEqual([])
  const limits = { ...NO_LIMITS, cpusetCpus: '4000' }
  const refused = await createProcess(runtime, aProcessOrder({ limits }, { taskId: 'web.2.1', slot: 2 }))
  await runtime.start(refused).catch(() => undefined)
  await runtime.stop(refused, { signal: 'KILL', graceMs: 5_000 })
  await runtime.close()
  expect(groups.map((path) => dirname(path)).filter((path) => existsSync(path))).toEqual([])
})

test('what runs although its directory was deleted is listed, and can be removed', async () => {
  const id = await startProcess(runtime, aProcessOrder())
  const { pid } = (await runtime.inspect(id)) ?? {}
  await runtime.close()
  rmSync(join(bed.dataDir, 'processes', id), { recursive: true })
  const next = bed.runtime()
  const isFound = lacks['limits.memoryBytes'] === undefined
  const expected = { id, taskId: 'web.1.1', state: 'running', specHash: '', message: 'its order is not there' }
  expect(await next.list()).toMatchObject(isFound ? [expected] : [])
  await next.remove(id)
  expect(isGone(pid ?? 0)).toBe(isFound)
  expect(await next.list()).toEqual([])
  if (!isFound) process.kill(pid ?? 0)
})

test('without control groups every limit is named as missing, and tasks run all the same', async () => {
  const plain = bed.runtime({ cgroupRoot: NO_GROUPS })
  const { unsupported } = await plain.describe()
  expect(Object.keys(unsupported)).toEqual(
    expect.arrayContaining(['limits.memoryBytes', 'limits.memoryPercent', 'limits.cpuMillis', 'limits.cpusetCpus']),
  )
  const limits = { ...NO_LIMITS, cpuMillis: 100 }
  const id = await startProcess(plain, aProcessOrder({ script: 'sleep 600 & echo $!; echo up; wait', limits }))
  await printed(plain, id, 'up')
  const stats = await plain.stats(id)
  expect(stats.memoryBytes).toBeGreaterThan(10_000)
  await plain.stop(id, { signal: 'KILL', graceMs: 5_000 })
  const [child] = await logTexts(plain, id)
  expect(isGone(Number(child))).toBe(true)
})

test('what a program leaves behind is killed without control groups too, if it stayed in its session', async () => {
  const plain = bed.runtime({ cgroupRoot: NO_GROUPS })
  const id = await startProcess(plain, aProcessOrder({ script: 'sleep 600 & echo $!' }))
  await exited(plain, id)
  const [child] = await logTexts(plain, id)
  expect(isGone(Number(child))).toBe(true)
})

test('version 2 of control groups is written in its own files and ranges', () => {
  const root = mkdtempSync(join(tmpdir(), 'gantry-cgroup2-'))
  writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu io memory pids\n')
  const ours = join(root, 'gantry-test')
  mkdirSync(ours)
  const files = ['memory.max', 'memory.swap.max', 'cpu.max', 'cpu.weight', 'cpuset.cpus', 'io.bfq.weight']
  for (const file of files) writeFileSync(join(ours, file), '')
  const tree = openCgroupTree(root, 'gantry-test')
  if (tree === null) throw new Error('no tree was opened')
  const group = new TaskCgroup(tree, 'task', {
    cpuMillis: 1_500,
    memoryBytes: 100,
    memorySwapBytes: 300,
    memorySwappiness: 10,
    cpuShares: 1_024,
    cpusetCpus: '0-1',
    blkioWeight: 200,
  })
  group.create()
  const written = files.map((file) => readFileSync(join(ours, 'task', file), 'utf8'))
  expect(written).toEqual(['100', '200', '150000 100000', '39', '0-1', '200'])
  writeFileSync(join(ours, 'task', 'memory.events'), 'low 0\noom 1\noom_kill 2\n')
  writeFileSync(join(ours, 'task', 'cpu.stat'), 'usage_usec 2500\nuser_usec 1\n')
  writeFileSync(join(ours, 'task', 'memory.current'), '1000\n')
  writeFileSync(join(ours, 'task', 'memory.stat'), 'anon 1\ninactive_file 400\n')
  expect([group.outOfMemoryKills(), group.cpuMs(), group.memoryBytes()]).toEqual([2, 2.5, 600])
  expect(group.joinFiles).toEqual([join(ours, 'task', 'cgroup.procs')])
  rmSync(root, { recursive: true })
})

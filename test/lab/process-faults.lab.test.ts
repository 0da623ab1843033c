import { expect, test } from 'vitest'
import { processStat } from '../../src/drivers/process/proc.ts'
import { until } from '../system/gantry.ts'
import type { LabProcess } from './lab-process.ts'
import { labTests } from './lab-tests.ts'
import { clockVariables } from './process-faults.ts'

/** Prints what became of each write to the disk, and how long it took. */
const WRITE = `const fs = require('node:fs')
const file = fs.openSync(process.argv[1], 'w')
setInterval(() => {
  const began = performance.now()
  fs.writeSync(file, 'x')
  fs.fdatasync(file, (error) => console.log(error?.code ?? 'written', Math.round(performance.now() - began)))
}, 20)`
/** Prints by how much the wall clock is ahead of the time that passed, in s. */
const TICK = `const offset = () => Date.now() - performance.now()
const start = offset()
setInterval(() => console.log(Math.round((offset() - start) / 1000)), 20)`

labTests((start) => {
  test('a disk is slow or fails for one process, until it no longer does', async () => {
    const lab = await start({ hosts: 1 })
    const host = lab.host(1)
    const writers = await Promise.all(
      ['one', 'other'].map((name) => host.spawn([process.execPath, '-e', WRITE, `${host.directory}/${name}`])),
    )
    const [writer, other] = writers
    if (writer === undefined || other === undefined) throw new Error('no writers')
    await writer.says('written')

    const slow = await lab.slowDisk(writer.pid, 300)
    await untilPrinted(writer, (line) => line.startsWith('written') && Number(line.split(' ')[1]) >= 300)
    await slow()
    const failing = await lab.failFsync(writer.pid)
    await untilPrinted(writer, (line) => line.startsWith('EIO'))
    await failing()
    await untilPrinted(writer, (line) => line.startsWith('written'))
    expect(other.output).not.toContain('EIO')
  })

  test('a clock jumps forth and back while the time that passes does not', async () => {
    const lab = await start({ hosts: 1, clocks: true })
    const host = lab.host(1)
    const ticker = await host.spawn([process.execPath, '-e', TICK], clockVariables(host.clockFile ?? ''))
    await untilPrinted(ticker, (line) => line === '0')
    await lab.shiftClock(host, 3_600_000)
    await untilPrinted(ticker, (line) => line === '3600')
    const undo = await lab.shiftClock(host, -86_400_000)
    await untilPrinted(ticker, (line) => line === '-86400')
    await undo()
    await untilPrinted(ticker, (line) => line === '0')
    const { stdout } = await host.gantry('version')
    expect(stdout).toMatch(/\d/)
  })

  test('busy loops take the processor until they are undone, and end by themselves', async () => {
    const lab = await start({ hosts: 1 })
    const host = lab.host(1)
    const undo = await lab.starve(host, 2, 60)
    const loops = (): number[] => host.processes('sh').filter((pid) => (processStat(pid)?.cpuTicks ?? 0) > 5)
    await until(
      async () => loops(),
      (pids) => pids.length === 2,
    )
    await undo()
    await until(
      async () => loops(),
      (pids) => pids.length === 0,
    )
    await lab.starve(host, 1, 1)
    await until(
      async () => loops(),
      (pids) => pids.length === 1,
    )
    await until(
      async () => loops(),
      (pids) => pids.length === 0,
    )
  })
})

/** Waits for such a line among those that are printed from now on. */
async function untilPrinted(process: LabProcess, isSo: (line: string) => boolean): Promise<void> {
  const from = process.output.length
  await until(
    async () => process.output.slice(from).split('\n').slice(1, -1).slice(-3),
    (lines) => lines.some(isSo),
  )
}

import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Closure, readClosure, writeClosure } from './run-record.ts'

const CLOSURE: Closure = { run: 2, exitCode: 1, outOfMemory: false, message: '', finishedAt: 7 }

test('how a run ended is left out on a full disk, and kept once there is room', async () => {
  const state = mkdtempSync(join(tmpdir(), 'gantry-run-'))
  onTestFinished(() => rmSync(state, { recursive: true }))
  const next = join(state, 'closed.tmp')
  symlinkSync('/dev/full', next)
  await writeClosure(state, CLOSURE)
  expect(await readClosure(state, 2)).toBeNull()
  rmSync(next)
  await writeClosure(state, CLOSURE)
  expect(await readClosure(state, 2)).toEqual(CLOSURE)
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'

const STRACE = '/usr/bin/strace'
const LIBRARIES = '/usr/lib'
const SYNCS = 'fsync,fdatasync,sync_file_range,msync'

/** Makes each write to the disk that a process, by its pid on the real machine, waits for take longer; the result ends that. */
export function slowDisk(pid: number, delayMs: number): Promise<() => Promise<void>> {
  return inject(pid, `delay_enter=${delayMs * 1000}`)
}

/** Makes each such write of a process fail with EIO; the result ends that. */
export function failFsync(pid: number): Promise<() => Promise<void>> {
  return inject(pid, 'error=EIO')
}

/** Keeps a machine's processors busy with this many loops. They end by themselves after so long; the result ends them before. */
export async function busyLoops(machine: Machine, loops: number, seconds: number): Promise<() => Promise<void>> {
  const loop = ['timeout', String(seconds), 'sh', '-c', 'while :; do :; done']
  const started = await Promise.all(Array.from({ length: loops }, () => machine.spawn(loop)))
  return async () => {
    await Promise.all(started.map((one) => one.end()))
  }
}

/** Variables with which a program takes its wall clock from a file; time that only passes stays true. */
export function clockVariables(file: string): Record<string, string> {
  const library = faketimeLibrary()
  if (library === null) throw new Error('moving clocks needs libfaketime: sudo apt-get install libfaketime')
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
}

/** Moves the clocks that follow the file; they jump within a second. */
export function setClock(file: string, offsetMs: number): void {
  writeFileSync(file, `${offsetMs < 0 ? '-' : '+'}${Math.abs(offsetMs) / 1000}\n`)
}

async function inject(pid: number, fault: string): Promise<() => Promise<void>> {
  if (!existsSync(STRACE)) throw new Error('faults of a disk need strace: sudo apt-get install strace')
  const words = ['-f', '-p', String(pid), '-o', '/dev/null', '-e', `trace=${SYNCS}`, '-e', `inject=${SYNCS}:${fault}`]
  const tracer = spawn(STRACE, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(tracer, 'exit')
  let said = ''
  await new Promise<void>((resolve, reject) => {
    tracer.stderr.on('data', (data: Buffer) => {
      said += data.toString()
      if (said.includes('attached')) resolve()
    })
    tracer.once('exit', () => reject(new Error(`strace does not attach to ${pid}: ${said}`)))
  })
  return async () => {
    tracer.kill('SIGTERM')
    await ended
  }
}

/** What programs load to have a clock of their own; null where it is not installed. */
export function faketimeLibrary(): string | null {
  const places = readdirSync(LIBRARIES).map((name) => join(LIBRARIES, name, 'faketime', 'libfaketimeMT.so.1'))
  return places.find(existsSync) ?? null
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../engine/run-program.ts'

/** A file system of its own with little room, mounted for the time of a test. Needs root. */
export interface SmallDisk {
  readonly path: string
  /** Takes all room that is left. */
  fill(): void
  /** Gives back what `fill` took. */
  free(): void
  [Symbol.asyncDispose](): Promise<void>
}

/** Mounts a disk of so many bytes. */
export async function aSmallDisk(bytes: number): Promise<SmallDisk> {
  const path = mkdtempSync(join(tmpdir(), 'gantry-disk-'))
  await runProgram(['mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path])
  const filler = join(path, 'filler')
  return {
    path,
    fill: () => {
      for (const chunk of [65_536, 4_096, 1]) {
        while (appends(filler, Buffer.alloc(chunk)));
      }
    },
    free: () => rmSync(filler),
    [Symbol.asyncDispose]: async () => {
      // A watchdog notices only with its next look that there is nothing to watch any more.
      await runProgram(['umount', '--lazy', path])
      rmSync(path, { recursive: true })
    },
  }
}

function appends(file: string, data: Buffer): boolean {
  try {
    writeFileSync(file, data, { flag: 'a' })
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOSPC') return false
    throw error
  }
}

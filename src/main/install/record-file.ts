import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { type InstallRecord, parseInstallRecord } from '../../core/install/record.ts'
import { whyNoDirectory } from '../../drivers/directory-place.ts'
import { errorCode, replaceFile, syncDirectory } from '../../drivers/durable-text.ts'
import { bootId, isAlive, processStat } from '../../drivers/process/proc.ts'
import { fileFailure } from '../../lib/file-failure.ts'
import { type InstallPaths, installPaths } from './paths.ts'

/** Tasks with users of their own pass through it; nobody but its owner can look. */
const MODE = 0o711
/** What may be in a volume before: file systems have the one, services' data that was kept is the other. */
const WELCOME = ['lost+found', 'volumes']

/** The journal of this volume; null: nothing of ours is there. Throws STORE_CORRUPT, and CONFLICT while somebody works on it. */
export function readRecord(paths: InstallPaths): InstallRecord | null {
  const path = existsSync(paths.record) ? paths.record : join(paths.draft, 'install.json')
  if (!existsSync(path)) return null
  const record = parseInstallRecord(readFileSync(path, 'utf8'), path)
  const { worker, state } = record
  const working = worker.pid !== process.pid && worker.bootId === bootId() && isAlive(worker)
  if (!working || state === 'installed') return record
  throw new OperationalError('CONFLICT', `process ${worker.pid} is at work on ${paths.volume}`, {
    hint: 'wait until it has ended',
  })
}

/** Whether an install has come to its end here. */
export function isInstalled(volume: string): boolean {
  return readRecord(installPaths(volume))?.state === 'installed'
}

/** Who this process is, for the journal. */
export function thisWorker(): InstallRecord['worker'] {
  return { pid: process.pid, startTicks: processStat(process.pid)?.startTicks ?? 0, bootId: bootId() }
}

/** Writes the journal; when it resolves it is durable. */
export function writeRecord(paths: InstallPaths, record: InstallRecord): Promise<void> {
  return replaceFile(paths.record, `${JSON.stringify(record, null, 2)}\n`)
}

/**
 * Makes the volume with its journal in it, both or none. A volume that is there must be empty: then it stays when the node
 * goes. Throws PREREQUISITE for one with something in it, and CONFIG_INVALID for what cannot be one.
 */
export async function beginRecord(
  paths: InstallPaths,
  record: Omit<InstallRecord, 'madeDirectories'>,
): Promise<InstallRecord> {
  const { volume, draft } = paths
  try {
    if (existsSync(volume)) {
      requireEmpty(volume)
      const begun = { ...record, madeDirectories: [] }
      await writeRecord(paths, begun)
      return begun
    }
    const missing: string[] = []
    for (let at = volume; !existsSync(at); at = dirname(at)) missing.unshift(at)
    const begun = { ...record, madeDirectories: missing }
    for (const directory of missing.slice(0, -1)) mkdirSync(directory, { mode: MODE })
    await clearDraft(draft)
    mkdirSync(draft, { mode: MODE })
    await replaceFile(join(draft, 'install.json'), `${JSON.stringify(begun, null, 2)}\n`)
    await rename(draft, volume)
    await syncDirectory(dirname(volume))
    return begun
  } catch (error) {
    if (error instanceof OperationalError) throw error
    const why = whyNoDirectory(volume) ?? `it cannot be made: ${fileFailure(errorCode(error))}`
    throw new OperationalError('CONFIG_INVALID', `${volume} cannot be the volume: ${why}`, {
      hint: 'name another one with --volume',
      cause: error,
    })
  }
}

/** One that was begun and has no journal yet has nothing else in it. */
async function clearDraft(draft: string): Promise<void> {
  const names = existsSync(draft) ? readdirSync(draft) : []
  if (names.every((name) => name.startsWith('install.json'))) await rm(draft, { recursive: true, force: true })
}

function requireEmpty(volume: string): void {
  const strange = readdirSync(volume).filter((name) => !WELCOME.includes(name))
  if (strange.length === 0) return
  throw new OperationalError(
    'PREREQUISITE',
    `cannot install in ${volume}: there is something in it already (${strange[0]})`,
    {
      hint: 'choose a directory that is empty or not there, with --volume',
    },
  )
}

/** Takes the volume away, the journal last. What was there before stays, and with `keepData` the data of services. */
export async function removeVolume(paths: InstallPaths, record: InstallRecord, keepData: boolean): Promise<void> {
  const { volume, draft } = paths
  await rm(draft, { recursive: true, force: true })
  const kept = keepData ? WELCOME : ['lost+found']
  const names = existsSync(volume) ? readdirSync(volume) : []
  const last = 'install.json'
  for (const name of [...names.filter((one) => one !== last && !kept.includes(one)), last])
    await rm(join(volume, name), { recursive: true, force: true })
  for (const directory of record.madeDirectories.toReversed()) {
    try {
      await rmdir(directory)
    } catch (error) {
      // Somebody else has put something there, or it was never made.
      if (!['ENOTEMPTY', 'ENOENT'].includes(errorCode(error))) throw error
    }
  }
}

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processStat } from '../../src/drivers/process/proc.ts'

const MOST_LABS = 250
const CLAIMED = /^gantry-lab-(\d+)$/

/** A number that no other lab of this machine has, and the directory that says so. All names of a lab derive from it. */
export interface Claim {
  readonly number: number
  readonly directory: string
}

/** Takes the lowest free number for this process. The directory appears with its owner in it, or not at all. */
export function claimNumber(): Claim {
  const draft = mkdtempSync(join(tmpdir(), 'gantry-lab-new-'))
  writeFileSync(join(draft, 'owner'), nameOf(process.pid))
  for (let number = 0; number < MOST_LABS; number++) {
    const claim = claimOf(number)
    if (existsSync(claim.directory) || !renamed(draft, claim.directory)) continue
    mkdirSync(join(claim.directory, 'hosts'))
    return claim
  }
  rmSync(draft, { recursive: true })
  throw new Error(`every number for a lab is taken: see ${join(tmpdir(), 'gantry-lab-*')}`)
}

/** Takes over the labs whose process is no more, to remove them: nobody else does, nor takes their numbers. */
export function takeAbandoned(): Claim[] {
  return readdirSync(tmpdir())
    .map((name) => CLAIMED.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .map((number) => claimOf(Number(number)))
    .filter(({ directory }) => !isOwned(directory) && isTaken(directory))
}

/** The lab's namespace of this name. */
export function namespaceOf({ number }: Claim, name: string): string {
  return `glab${number}-${name}`
}

/** Control group of the lab, below the root of each hierarchy. */
export function cgroupOf({ number }: Claim): string {
  return `gantry-lab-${number}`
}

function claimOf(number: number): Claim {
  return { number, directory: join(tmpdir(), `gantry-lab-${number}`) }
}

function isOwned(directory: string): boolean {
  // Without an owner, it is being removed by it.
  return isOfLiving(join(directory, 'owner')) ?? true
}

/** Whether this process may remove the lab. Where another began to and died, the next to ask may. */
function isTaken(directory: string): boolean {
  const mark = join(directory, 'remover')
  try {
    writeFileSync(mark, nameOf(process.pid), { flag: 'wx' })
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    if (!['EEXIST', 'ENOENT'].includes(code)) throw error
    if (isOfLiving(mark) === false) rmSync(mark, { force: true })
    return false
  }
  // Removed and claimed anew since it was looked at.
  if (!isOwned(directory)) return true
  rmSync(mark)
  return false
}

/** Whether the process that a file names lives; null without the file. */
function isOfLiving(path: string): boolean | null {
  if (!existsSync(path)) return null
  const name = readFileSync(path, 'utf8')
  return name === nameOf(Number.parseInt(name, 10))
}

/** A pid alone may be given again. */
function nameOf(pid: number): string {
  return `${pid} ${processStat(pid)?.startTicks ?? 'ended'}`
}

function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    // Another process was quicker.
    if (['ENOTEMPTY', 'EEXIST'].includes((error as { code?: string }).code ?? '')) return false
    throw error
  }
}

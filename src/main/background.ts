import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../drivers/durable-text.ts'
import { makeDataDir } from './data-dir.ts'
import { programWords } from './install/program-words.ts'

const READY = 'ready'
const LOOK_EVERY_MS = 200
/** A larger log is put aside at the next start. */
const LARGEST_LOG_BYTES = 8 * 1024 ** 2
const FAILED = 1
const INTERRUPTED = 130

/**
 * Runs this very command in the background, where `run` is what it does: whoever started that process waits at the other end
 * of its channel. `input`: what this process read from standard input; that one finds it there too, and nowhere else, for
 * it may be a secret. Resolves with the exit code.
 */
export function inBackground(dataDir: string, run: () => Promise<number>, input: string | null): Promise<number> {
  return isInBackground() ? run() : startInBackground(dataDir, input)
}

/** Whether this process was started so. True until it is ready. */
export function isInBackground(): boolean {
  return process.send !== undefined
}

/**
 * Starts this very command once more, and shows what it says until it is ready or ends. Its log and the file with its
 * pid are in the data directory. Returns the exit code: 0, or the one that it ended with instead.
 */
async function startInBackground(dataDir: string, input: string | null): Promise<number> {
  makeDataDir(dataDir)
  const path = join(dataDir, 'gantry.log')
  await using log = await openLog(path)
  const [program = '', ...words] = [...programWords(), ...process.argv.slice(2)]
  const stdin = input === null ? 'ignore' : 'pipe'
  const child = spawn(program, words, { detached: true, stdio: [stdin, log.file.fd, log.file.fd, 'ipc'] })
  // One that ends without reading it says itself why.
  child.stdin?.on('error', () => child.stdin?.destroy()).end(input)
  let interrupted = false
  const ending = (): void => {
    interrupted = true
    child.kill('SIGTERM')
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, ending)
  const ended = once(child, 'exit').then(([code]) =>
    interrupted ? INTERRUPTED : code === 0 ? FAILED : (code ?? FAILED),
  )
  const ready = once(child, 'message').then(() => null)
  const timer = setInterval(() => void log.show(), LOOK_EVERY_MS)
  const code = (await Promise.race([ended, ready])) as number | null
  clearInterval(timer)
  await log.show()
  if (code !== null) return code
  child.disconnect()
  child.unref()
  process.stderr.write(
    `\nGantry runs in the background, as process ${child.pid}.\n  Log      ${path}\n` +
      `  To end   kill $(cat ${pidFile(dataDir)})      (its tasks go on; with kill -INT they are stopped first)\n`,
  )
  return 0
}

/** Tells who started this process in the background that it is ready. Returns what is to be called at the end. */
export async function becomeReady(dataDir: string): Promise<() => Promise<void>> {
  if (process.send === undefined) return () => Promise.resolve()
  await replaceFile(pidFile(dataDir), `${process.pid}\n`)
  process.send(READY)
  process.disconnect()
  return () => rm(pidFile(dataDir), { force: true })
}

function pidFile(dataDir: string): string {
  return join(dataDir, 'gantry.pid')
}

interface ShownLog extends AsyncDisposable {
  readonly file: FileHandle
  /** Shows on stderr what people are told in it since the last time. */
  show(): Promise<void>
}

async function openLog(path: string): Promise<ShownLog> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > LARGEST_LOG_BYTES) await rename(path, `${path}.1`)
  const file = await open(path, 'a+', 0o600)
  let at = size > LARGEST_LOG_BYTES ? 0 : size
  let turn: Promise<void> = Promise.resolve()
  const showNext = async (): Promise<void> => {
    const bytes = (await file.stat()).size - at
    const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, at)
    const whole = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1
    at += whole
    const lines = buffer.toString('utf8', 0, whole).split('\n').slice(0, -1)
    // The log for programs is in the file.
    for (const line of lines) if (!line.startsWith('{"level"')) process.stderr.write(`${line}\n`)
  }
  return {
    file,
    show: () => {
      turn = turn.then(showNext)
      return turn
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
}

import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync } from 'node:fs'
import { commandLine, isAlive, type ProcessIdentity, processStat } from '../process/proc.ts'

/** Processes whose command line ends with these words, this one excepted. */
export function processesOf(words: readonly string[]): readonly ProcessIdentity[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => endsWith(commandLine(Number(name)), words))
    .map((name) => processStat(Number(name)))
    .filter((stat) => stat !== null)
    .filter((stat) => isAlive(stat))
}

function endsWith(line: readonly string[], words: readonly string[]): boolean {
  return line.length > words.length && words.every((word, at) => line[line.length - words.length + at] === word)
}

/** Starts a program that outlives this one, in a session of its own; what it says goes to the end of a log file. */
export function startDetached(
  argv: readonly string[],
  { log, env }: { readonly log: string; readonly env: NodeJS.ProcessEnv },
): number | null {
  const [file = '', ...args] = argv
  const output = openSync(log, 'a', 0o600)
  try {
    const child = spawn(file, args, { detached: true, stdio: ['ignore', output, output], env, cwd: '/' })
    // That it did not start shows when its process is looked for.
    child.on('error', () => undefined)
    child.unref()
    return child.pid ?? null
  } finally {
    closeSync(output)
  }
}

/** Asks processes to end, and kills those that have not after the grace. Resolves when all have ended. */
export async function endProcesses(processes: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs
  signalTo(processes, 'SIGTERM')
  while (processes.some(isAlive)) {
    if (Date.now() > deadline) signalTo(processes, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function signalTo(processes: readonly ProcessIdentity[], signal: NodeJS.Signals): void {
  for (const one of processes.filter(isAlive)) process.kill(one.pid, signal)
}

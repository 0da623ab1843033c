import { execFile } from 'node:child_process'
import { OperationalError } from '../../core/errors.ts'

const LONGEST_MS = 120_000

/** Runs a program to its end and returns what it printed. Throws PREREQUISITE with what it said when it fails or is not there. */
export function runProgram(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, [...args], { timeout: LONGEST_MS }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const why = stderr.trim() === '' ? error.message : stderr.trim()
      reject(new OperationalError('PREREQUISITE', `cannot run ${[file, ...args].join(' ')}: ${why}`, { cause: error }))
    })
  })
}

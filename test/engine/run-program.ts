import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Runs a program to its end and returns what it printed. Throws with its last words unless it ends with 0. */
export async function runProgram(argv: readonly string[]): Promise<string> {
  const [program = '', ...words] = argv
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  const printed = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      printed[stream] += text
    })
  }
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${printed.stderr.slice(-500)}`)
  return printed.stdout
}

import { createInterface } from 'node:readline/promises'
import { OperationalError } from '../core/errors.ts'

/** Asks a yes-or-no question on the terminal. Without a terminal nobody can answer, so it must have been said before. */
export async function confirm(question: string, yes: boolean): Promise<boolean> {
  if (yes) return true
  if (!process.stdin.isTTY)
    throw new OperationalError('USAGE', 'nobody can be asked here', {
      hint: 'add --yes to go ahead without a question',
    })
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`${question} [y/N] `)
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}

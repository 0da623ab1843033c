import { createInterface } from 'node:readline'
import { OperationalError } from '../core/errors.ts'

export type Answer = 'yes' | 'no' | 'interrupted'

/** Asks a yes-or-no question on the terminal. Without a terminal nobody can answer, so it must have been said before. */
export async function confirm(question: string, yes: boolean): Promise<Answer> {
  if (yes) return 'yes'
  if (!process.stdin.isTTY)
    throw new OperationalError('USAGE', 'nobody can be asked here', {
      hint: 'add --yes to go ahead without a question',
    })
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await new Promise((resolve) => {
      terminal.question(`${question} [y/N] `, (answer) => resolve(/^y(es)?$/i.test(answer.trim()) ? 'yes' : 'no'))
      terminal.once('SIGINT', () => resolve('interrupted'))
      // The end of the input is no yes.
      terminal.once('close', () => resolve('no'))
    })
  } finally {
    terminal.close()
  }
}

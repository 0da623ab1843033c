import { join } from 'node:path'
import type { Answer } from './load-report.ts'
import type { Machine } from './machine.ts'

const PROGRAM = join(process.cwd(), 'test', 'lab', 'load-program.ts')

export interface LoadOptions {
  readonly url: string
  readonly perSecond: number
  /** How long an answer may take. Default 2 s. */
  readonly timeoutMs?: number
}

export interface Load {
  /** Answers and failures so far. */
  answers(): Answer[]
  /** Ends the requests; what is under way is not counted. */
  stop(): Promise<Answer[]>
}

/** Lets a machine ask a URL at a fixed rate, whatever becomes of earlier requests. */
export async function startLoad(machine: Machine, { url, perSecond, timeoutMs = 2_000 }: LoadOptions): Promise<Load> {
  const asking = await machine.spawn([process.execPath, PROGRAM, url, String(perSecond), String(timeoutMs)])
  const answers = (): Answer[] =>
    asking.output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Answer)
  return {
    answers,
    stop: async () => {
      await asking.end()
      return answers()
    },
  }
}

import * as z from 'zod'
import type { HostStats } from '../../core/model/host-stats.ts'
import type { TaskSample } from '../../core/model/message.ts'
import type { DockerRequest } from '../../ports/host.ts'
import type { Survey } from '../../ports/link.ts'
import type { ExecRequest, LogLine, LogQuery } from '../../ports/runtime.ts'
import { count, type Forms, positive, runtime, text, whole, word, wordMap, words } from './forms.ts'

/** What a server may ask of an agent and is answered at once: the forms of question and answer. */
export const QUESTIONS = {
  survey: {
    asked: z.object({ images: z.array(word).max(100_000) }),
    answered: z.object({
      runtimes: z.array(runtime).max(10),
      presentImages: z.array(word),
    }) satisfies z.ZodType<Survey>,
  },
  samples: {
    asked: z.object({}),
    answered: z.array(
      z.object({ taskId: word, cpuMillis: count, memoryBytes: count, at: z.number() } satisfies Forms<TaskSample>),
    ),
  },
  hostStats: {
    asked: z.object({}),
    answered: z.object({
      memoryTotalBytes: count,
      memoryAvailableBytes: count,
      diskTotalBytes: count,
      diskFreeBytes: count,
      cpuBusyMs: count,
      cpuTotalMs: count,
      load1: count,
      load5: count,
      load15: count,
    } satisfies Forms<HostStats>),
  },
  answers: {
    asked: z.object({ address: z.string().max(300), withinMs: count.max(60_000) }),
    answered: z.boolean(),
  },
} as const
export type QuestionName = keyof typeof QUESTIONS
export type Asked<N extends QuestionName> = z.infer<(typeof QUESTIONS)[N]['asked']>
export type Answered<N extends QuestionName> = z.infer<(typeof QUESTIONS)[N]['answered']>

const logQuery: z.ZodType<LogQuery> = z.object({
  follow: z.boolean(),
  tail: whole.nullable(),
  since: z.number().nullable(),
} satisfies Forms<LogQuery>)
export const logsAsked = z.object({ taskId: word, query: logQuery })

export const logLine: z.ZodType<LogLine> = z.object({
  stream: z.enum(['stdout', 'stderr']),
  at: z.number(),
  text,
} satisfies Forms<LogLine>)

const size = z.object({ columns: positive, rows: positive })
const execRequest: z.ZodType<ExecRequest> = z.object({
  argv: words,
  tty: z.boolean(),
  stdin: z.boolean(),
  env: wordMap,
  user: word.nullable(),
  workingDir: text.nullable(),
  size: size.nullable(),
} satisfies Forms<ExecRequest>)
export const execAsked = z.object({ taskId: word, request: execRequest })

const dockerRequest: z.ZodType<DockerRequest> = z.object({
  argv: words,
  timeoutMs: positive,
} satisfies Forms<DockerRequest>)
export const dockerAsked = z.object({ request: dockerRequest })

/** What is said to a program that runs, besides its input. */
export const execControl = z.union([z.object({ resize: size }), z.object({ end: z.literal(true) })])

/** What is said of a program besides its output: `started` first; `exit` or an error at last. */
export const execNotice = z.union([
  z.object({ started: z.literal(true) }),
  z.object({ exit: z.int() }),
  z.object({ error: z.unknown() }),
])

/** How every call but that of a program ends. */
export const ending = z.union([z.object({ error: z.unknown() }), z.object({ value: z.unknown() })])

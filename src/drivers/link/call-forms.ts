import * as z from 'zod'

/** What a server may ask of an agent, by name, with the form of its arguments. Unknown keys are of a later version. */
export const CALLS = {
  survey: z.object({ images: z.array(z.string()) }),
  samples: z.object({}),
  hostStats: z.object({}),
  answers: z.object({ address: z.string().max(300), withinMs: z.number().min(0).max(60_000) }),
} as const
export type CallName = keyof typeof CALLS

export const logsCall = z.object({
  taskId: z.string(),
  query: z.object({ follow: z.boolean(), tail: z.number().nullable(), since: z.number().nullable() }),
})

export const execCall = z.object({
  taskId: z.string(),
  request: z.object({
    argv: z.array(z.string()),
    tty: z.boolean(),
    stdin: z.boolean(),
    env: z.record(z.string(), z.string()),
    user: z.string().nullable(),
    workingDir: z.string().nullable(),
    size: z.object({ columns: z.number(), rows: z.number() }).nullable(),
  }),
})

/** What is said to a program that runs. */
export const execInput = z.union([
  z.object({ input: z.string() }),
  z.object({ end: z.literal(true) }),
  z.object({ columns: z.number(), rows: z.number() }),
])

/** What a program that runs says. */
export const execOutput = z.union([
  z.object({ stream: z.enum(['stdout', 'stderr']), data: z.string() }),
  z.object({ exit: z.number() }),
])

export const logLine = z.object({ stream: z.enum(['stdout', 'stderr']), at: z.number(), text: z.string() })

/** What every call is answered with, at last or at once. */
export const ending = z.union([z.object({ value: z.unknown() }), z.object({ error: z.unknown() })])

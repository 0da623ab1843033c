import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { ProbeResult } from '../ports/host.ts'
import type { ExecSession, Runtime } from '../ports/runtime.ts'

const OUTPUT_SHOWN = 200

/** Runs a program in a task's container. Ok means exit code 0 in time; else the message says why, with what it printed. */
export async function runCommand(
  runtime: Runtime,
  containerId: string,
  argv: readonly string[],
  timeoutMs: Millis,
  clock: Clock,
): Promise<ProbeResult> {
  try {
    const request = { argv, tty: false, stdin: false, env: {}, user: null, workingDir: null, size: null }
    const session = await runtime.exec(containerId, request)
    return await finish(session, timeoutMs, clock)
  } catch (error) {
    if (error instanceof OperationalError) return { ok: false, message: error.message }
    throw error
  }
}

async function finish(session: ExecSession, timeoutMs: Millis, clock: Clock): Promise<ProbeResult> {
  let cancel = (): void => undefined
  const timeout = new Promise<ProbeResult>((resolve) => {
    cancel = clock.callAt(clock.now() + timeoutMs, () => {
      session.abort()
      resolve({ ok: false, message: `no answer within ${timeoutMs / 1000} s` })
    })
  })
  const result = await Promise.race([ending(session), timeout])
  cancel()
  return result
}

async function ending(session: ExecSession): Promise<ProbeResult> {
  const decoder = new TextDecoder()
  let printed = ''
  for await (const { data } of session.output) {
    if (printed.length < OUTPUT_SHOWN) printed += decoder.decode(data, { stream: true })
  }
  const code = await session.exit
  if (code === 0) return { ok: true, message: '' }
  const shown = printed.trim().slice(0, OUTPUT_SHOWN)
  return { ok: false, message: shown === '' ? `exit code ${code}` : `exit code ${code}: ${shown}` }
}

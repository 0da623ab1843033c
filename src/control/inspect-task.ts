import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Task } from '../core/model/task.ts'
import type { Inspection } from '../core/model/view.ts'
import type { Clock } from '../ports/clock.ts'
import type { ExecRequest, ExecSession } from '../ports/runtime.ts'

const TIMEOUT_MS: Millis = 20_000
const MAX_CHARACTERS = 1_000_000

/**
 * Runs the inspect command of a task's service in the task and collects what it prints, both streams together. Throws
 * CONFLICT when the service has none, TIMEOUT after 20 s.
 */
export async function inspectTask(
  { id, service, spec }: Task,
  exec: (request: ExecRequest) => Promise<ExecSession>,
  clock: Clock,
): Promise<Inspection> {
  if (spec.inspect === null) {
    throw new OperationalError('CONFLICT', `${service} has no inspect command`, {
      hint: 'give the service one in the manifest, or use `gantry exec`',
    })
  }
  const argv = spec.inspect
  const session = await exec({ argv, tty: false, stdin: false, env: {}, user: null, workingDir: null, size: null })
  let late = false
  const cancel = clock.callAt(clock.now() + TIMEOUT_MS, () => {
    late = true
    session.abort()
  })
  try {
    const output = await collect(session)
    const exitCode = await session.exit
    if (!late) return { task: id, exitCode, output }
    throw new OperationalError('TIMEOUT', `inspecting ${id} took longer than ${TIMEOUT_MS / 1_000} s`)
  } finally {
    cancel()
  }
}

async function collect(session: ExecSession): Promise<string> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  let output = ''
  for await (const { stream, data } of session.output) {
    if (output.length < MAX_CHARACTERS) output += decoders[stream].decode(data, { stream: true })
  }
  return output.slice(0, MAX_CHARACTERS)
}

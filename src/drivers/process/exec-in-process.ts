import { type SpawnOptions, spawn } from 'node:child_process'
import { OperationalError } from '../../core/errors.ts'
import type { ExecRequest, ExecSession } from '../../ports/runtime.ts'
import { type ExecChild, execSession } from './exec-session.ts'
import { findProgram } from './find-program.ts'
import { ulimitWords, userWords } from './launch.ts'
import type { Machine } from './machine.ts'
import { programOf } from './program.ts'
import type { SupervisedProcess } from './supervised-process.ts'
import { terminalCommand, terminalResizer } from './terminal.ts'
import { lookUpUser } from './user.ts'

/** Runs a program beside a task: in its control group and working directory, with its environment, limits and user. */
export async function execInProcess(
  machine: Machine,
  task: SupervisedProcess,
  request: ExecRequest,
): Promise<ExecSession> {
  const { order, directory, cgroup } = task
  if (!task.isRunning()) throw new OperationalError('RUNTIME_REFUSED', `process ${directory.id} does not run`)
  const program = programOf(order, directory, machine.volumesDir)
  const env = { ...program.env, ...request.env }
  const cwd = request.workingDir ?? program.workingDir
  const userName = request.user ?? order.spec.user
  const user = userName === null ? null : await lookUpUser(userName)
  await findProgram(request.argv[0] ?? '', env['PATH'] ?? '', cwd)
  const { argv, env: added } = request.tty ? terminalCommand(machine, request) : { argv: request.argv, env: {} }
  const before = [...ulimitWords(machine.tools, order.spec.ulimits), ...userWords(machine.tools, user)]
  const joined = [machine.shim, 'join', ...(cgroup?.joinFiles ?? []), '--', ...before, ...argv]
  const stdin = request.stdin ? 'pipe' : 'ignore'
  // A group of its own, so that it can be told to end without ending the task.
  const options: SpawnOptions = { cwd, env: { ...env, ...added }, detached: true, stdio: [stdin, 'pipe', 'pipe'] }
  const child = spawn('/bin/sh', joined, options) as ExecChild
  task.accompany(child)
  return execSession(child, request.tty ? terminalResizer(machine, child) : () => undefined)
}

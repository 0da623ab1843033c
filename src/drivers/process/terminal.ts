import { execFile } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { OperationalError } from '../../core/errors.ts'
import type { ExecRequest } from '../../ports/runtime.ts'
import type { ExecChild } from './exec-session.ts'
import type { Machine } from './machine.ts'

const DEFAULT_SIZE = { columns: 80, rows: 24 }

/**
 * Wraps a program in a terminal of its own, which `script` (util-linux) makes. That takes a command line rather than
 * words, so it is given a constant one, and the words travel in variables that the shim takes back out.
 */
export function terminalCommand(
  { tools, shim }: Pick<Machine, 'tools' | 'shim'>,
  { argv, env, size }: ExecRequest,
): { argv: string[]; env: Record<string, string> } {
  if (tools.script === null) {
    throw new OperationalError('RUNTIME_REFUSED', 'cannot make a terminal: the program script is not installed', {
      hint: 'it is part of util-linux; or run it without a terminal',
    })
  }
  const { columns, rows } = size ?? DEFAULT_SIZE
  return {
    argv: [tools.script, '-q', '-e', '-f', '-c', 'exec /bin/sh "$GANTRY_SHIM" terminal', '/dev/null'],
    env: {
      TERM: 'xterm',
      ...env,
      SHELL: '/bin/sh',
      GANTRY_SHIM: shim,
      GANTRY_ROWS: String(rows),
      GANTRY_COLUMNS: String(columns),
      GANTRY_ARGS: String(argv.length),
      ...Object.fromEntries(argv.map((word, index) => [`GANTRY_ARG_${index}`, word])),
    },
  }
}

/** Tells the terminal of a running session its new size; the kernel tells the program. */
export function terminalResizer({ tools }: Pick<Machine, 'tools'>, child: ExecChild): ExecResize {
  return (columns, rows) => {
    const device = child.pid === undefined ? null : terminalOf(child.pid)
    if (tools.stty === null || device === null) return
    // A session that is ending has no size any more.
    execFile(tools.stty, ['-F', device, 'rows', String(rows), 'cols', String(columns)], () => undefined)
  }
}

type ExecResize = (columns: number, rows: number) => void

/** The terminal that a running `script` gave to its child; null when there is none (yet). */
function terminalOf(pid: number): string | null {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    const device = readlinkSync(`/proc/${child}/fd/0`)
    return device.startsWith('/dev/pts/') ? device : null
  } catch {
    // It has ended.
    return null
  }
}

import { chmodSync, writeFileSync } from 'node:fs'
import { OperationalError } from '../core/errors.ts'
import { fileFailure } from '../lib/file-failure.ts'
import type { WirePlan } from '../transport/wire.ts'
import { readInput } from './files.ts'

/** Keeps a plan for `apply --plan`. It holds the manifest with its variables, so nobody else may read it. */
export function writePlan(path: string, plan: WirePlan): void {
  try {
    writeFileSync(path, `${JSON.stringify(plan)}\n`, { mode: 0o600 })
    // The mode above counts only for a file that was not there before.
    chmodSync(path, 0o600)
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    throw new OperationalError('USAGE', `the plan cannot be kept in ${path}: ${fileFailure(code || message)}`, {
      cause,
    })
  }
}

/** Reads a plan that was kept. The server checks what it says. Throws USAGE when it is none. */
export function readPlan(path: string): WirePlan {
  const text = readInput(path)
  const value = parsed(text)
  if (typeof value === 'object' && value !== null && 'change' in value && 'actions' in value && 'facts' in value)
    return value as WirePlan
  throw new OperationalError('USAGE', `${path} holds no plan`, { hint: 'make one with `gantry plan -o FILE`' })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Whatever it is, it is no plan.
    return null
  }
}

import { OperationalError } from '../core/errors.ts'
import type { AuthorityView } from '../core/model/view.ts'
import type { Context } from './context.ts'
import { presenterFor } from './presenter.ts'
import { rotationLine } from './render/authority.ts'

const POLL_MS = 500
/** A server that restarts, or another one that takes over, answers within that time. */
const PATIENCE_MS = 15_000

/** Waits until a change of the authority has ended, and sets the exit code to the truth. */
export async function waitForRotation(timeoutMs: number, context: Context): Promise<void> {
  const show = presenterFor(context)
  const deadline = Date.now() + timeoutMs
  for (let heardAt = Date.now(); ; ) {
    const view = await look(heardAt, context)
    if (view !== null) {
      heardAt = Date.now()
      const over = view.rotation === 'none'
      show([{ name: 'authority', text: rotationLine(view) }], over)
      if (over) return context.say(context.err.good('The authority was changed.'))
    }
    if (Date.now() >= deadline) {
      context.say(context.err.warning(`Not changed within ${timeoutMs / 1_000} s. It goes on by itself.`))
      context.say('Try: `gantry authority status`; a node that is gone for good is waited for until `gantry node rm`')
      context.exitCode = 1
      return
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

async function look(heardAt: number, context: Context): Promise<AuthorityView | null> {
  try {
    return await context.client().authority()
  } catch (error) {
    const passing = error instanceof OperationalError && (error.code === 'UNAVAILABLE' || error.code === 'NOT_LEADER')
    if (!passing || Date.now() - heardAt > PATIENCE_MS) throw error
    return null
  }
}

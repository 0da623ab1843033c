import { OperationalError } from '../core/errors.ts'
import type { AuthorityChange } from '../core/model/plan.ts'
import type { AuthorityView } from '../core/model/view.ts'
import type { Context } from './context.ts'
import { presenterFor } from './presenter.ts'
import { clusterKeyLine, isKeyChanged, rotationLine } from './render/authority.ts'

const POLL_MS = 500
/** A server that restarts, or another one that takes over, answers within that time. */
const PATIENCE_MS = 15_000

interface Rotating {
  readonly name: string
  readonly line: (view: AuthorityView) => string
  readonly isOver: (view: AuthorityView) => boolean
  readonly status: string
}

const ROTATING: Readonly<Record<AuthorityChange['kind'], Rotating>> = {
  'rotate-authority': {
    name: 'authority',
    line: rotationLine,
    isOver: ({ rotation }) => rotation === 'none',
    status: 'gantry authority status',
  },
  'rotate-cluster-key': {
    name: 'cluster key',
    line: clusterKeyLine,
    isOver: isKeyChanged,
    status: 'gantry cluster key status',
  },
}

/** Waits until a change of the authority or the cluster key has ended, and sets the exit code to the truth. */
export async function waitForRotation(
  kind: AuthorityChange['kind'],
  timeoutMs: number,
  context: Context,
): Promise<void> {
  const { name, line, isOver, status } = ROTATING[kind]
  const show = presenterFor(context)
  const deadline = Date.now() + timeoutMs
  for (let heardAt = Date.now(); ; ) {
    const view = await look(heardAt, context)
    if (view !== null) {
      heardAt = Date.now()
      const over = isOver(view)
      show([{ name, text: line(view) }], over)
      if (over) return context.say(context.err.good(`The ${name} was changed.`))
    }
    if (Date.now() >= deadline) {
      context.say(context.err.warning(`Not changed within ${timeoutMs / 1_000} s. It goes on by itself.`))
      context.say(`Try: \`${status}\`; a node that is gone for good is waited for until \`gantry node rm\``)
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

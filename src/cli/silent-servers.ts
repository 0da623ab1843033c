import { OperationalError } from '../core/errors.ts'
import type { StoreCondition } from '../core/model/view.ts'
import { createClient, type Servers, type Target } from '../transport/client.ts'

const HINT = 'start it, or correct the list of servers; commands go to those that answer'

/** Asks each of several servers by itself: for commands one that answers is enough, and nobody would hear of the others. */
export async function silentServers({ targets }: Servers): Promise<readonly StoreCondition[]> {
  if (targets.length < 2) return []
  return (await Promise.all(targets.map(ask))).flat()
}

async function ask(target: Target): Promise<readonly StoreCondition[]> {
  try {
    await createClient({ targets: [target], retries: 0 }).cluster()
    return []
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    return [{ kind: 'server silent', severity: 'failure', message: error.message, hint: HINT }]
  }
}

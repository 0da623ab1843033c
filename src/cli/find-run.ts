import type { DispatchView } from '../core/model/view.ts'
import type { Client } from '../transport/client.ts'

/** The task that was started by hand with this id or, the newest, with this name; null: there is none. */
export async function findRun(client: Client, idOrName: string): Promise<DispatchView | null> {
  const runs = await client.dispatches()
  return runs.findLast(({ id, name }) => id === idOrName.toLowerCase() || name === idOrName) ?? null
}

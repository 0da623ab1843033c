import type { Rng } from '../../lib/rng.ts'
import { drawHex } from '../draw-hex.ts'
import { unfinished } from '../unfinished.ts'
import type { Client } from './client.ts'
import { corrupt, RefusedByServer } from './failures.ts'
import type { Layout } from './format.ts'
import { encodeHead } from './format.ts'
import type { Step } from './protocol.ts'
import { CODE } from './protocol.ts'

const EMPTY = Buffer.alloc(0)

/**
 * Makes an empty state where there is none, in one step: of several that try, one makes it. Throws STORE_CORRUPT when
 * the root holds something else; it is not touched then.
 */
export async function createState(client: Client, layout: Layout, rng: Rng): Promise<void> {
  await createRoot(client, layout, rng)
  if (layout.election === layout.ownElection) return
  await createParents(client, `${layout.election}/`)
}

async function createRoot(client: Client, layout: Layout, rng: Rng): Promise<void> {
  const { root } = layout
  if ((await client.get(layout.head)) !== null) return
  const found = await client.children(root)
  // Made by another server between the two looks.
  if (found?.includes('head')) return
  if (found?.includes('intake')) throw unfinished(`ZooKeeper at ${root}`)
  const foreign = found?.filter((name) => !layout.leadsToSessions(name)) ?? []
  if (foreign.length > 0) throw corrupt(root, `it holds something else (${foreign.slice(0, 3).join(', ')})`)
  await createParents(client, root)
  const paths = [...(found === null ? [root] : []), layout.objects, layout.log, layout.ownElection, layout.turn]
  const steps: Step[] = paths.map((path) => ({ kind: 'create', path, data: EMPTY }))
  const head = encodeHead({ storeId: drawHex(rng), revision: 0 })
  const result = await client.multi([...steps, { kind: 'create', path: layout.head, data: head }])
  // Then somebody else has made it, and whoever reads the head sees what it is.
  if (result.kind === 'done' || result.code === CODE.nodeExists) return
  throw new RefusedByServer(result.code, `to create ${root}`)
}

/** Makes every node that leads to this path. */
export async function createParents(client: Client, root: string): Promise<void> {
  for (let slash = root.indexOf('/', 1); slash > 0; slash = root.indexOf('/', slash + 1)) {
    const parent = root.slice(0, slash)
    if (!(await client.exists(parent))) await client.create(parent, EMPTY)
  }
}

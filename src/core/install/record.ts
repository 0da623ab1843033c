import * as z from 'zod'
import { OperationalError } from '../errors.ts'
import { nodeSection } from '../manifest/agent-sections.ts'

/** What an install does, one after the other. Each is recorded before it is begun, so that it can be taken back. */
export const INSTALL_STEPS = ['directory', 'files', 'join', 'service', 'ready'] as const
export type InstallStep = (typeof INSTALL_STEPS)[number]

const record = z.object({
  format: z.literal(1),
  /** `installing`: begun and not finished. `removing`: to be taken away, from whatever state. */
  state: z.enum(['installing', 'installed', 'removing']),
  /** What was begun last. */
  step: z.enum(INSTALL_STEPS),
  /** Directories that were made for the volume, itself last; those that were there stay. */
  madeDirectories: z.array(z.string()),
  /** Path of the unit; null: there is none. */
  unit: z.string().nullable(),
  /** Who works on it: another one waits for its end. */
  worker: z.object({ pid: z.int(), startTicks: z.int(), bootId: z.string() }),
  /** What the node was told, to compare with what is wanted another time. */
  settings: z
    .object({
      data_dir: z.string(),
      listen_addr: z.string().exactOptional(),
      backend: z.record(z.string(), z.union([z.string(), z.array(z.string()).readonly()])).exactOptional(),
      node: nodeSection,
    })
    .nullable(),
})

/** The journal of an install: what there is of it, and so what there is to take back. */
export type InstallRecord = z.infer<typeof record>

/** Reads a record. Throws STORE_CORRUPT for what is none. */
export function parseInstallRecord(text: string, path: string): InstallRecord {
  try {
    return record.parse(JSON.parse(text))
  } catch (cause) {
    throw new OperationalError('STORE_CORRUPT', `${path} is no record of an install`, {
      hint: 'look what is in its directory; what is not needed there may be removed by hand',
      cause,
    })
  }
}

import { OperationalError } from '../errors.ts'
import type { Role } from '../model/identity.ts'

/** Where servers listen for the other machines, unless their entry says otherwise. */
export const LINK_PORT = 7947
/** Servers vote: more than seven make each decision slower and none safer. */
const MOST_SEEDS = 7

/** One entry of `--seeds`, and what its name stands for. */
export interface ServerEntry {
  /** As it was given. */
  readonly text: string
  readonly host: string
  readonly port: number
  readonly addresses: readonly string[]
}

/** Reads `--seeds`: hosts, each with a port or without. Throws USAGE. */
export function parseSeeds(text: string): readonly Omit<ServerEntry, 'addresses'>[] {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.length > MOST_SEEDS)
    throw new OperationalError(
      'USAGE',
      `cannot use --seeds: ${entries.length} servers are named, and ${MOST_SEEDS} are the most`,
    )
  if (new Set(entries).size < entries.length)
    throw new OperationalError('USAGE', 'cannot use --seeds: one is named twice')
  return entries.map(parseSeed)
}

function parseSeed(text: string): Omit<ServerEntry, 'addresses'> {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text)
  const host = parts?.[1] ?? parts?.[2] ?? (/^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text) ? text : null)
  const port = Number(parts?.[3] ?? LINK_PORT)
  if (host !== null && port > 0 && port <= 65_535) return { text, host, port }
  throw new OperationalError('USAGE', `cannot use --seeds: ${JSON.stringify(text)} is neither HOST nor HOST:PORT`, {
    hint: 'give the addresses of the servers, like 10.0.0.1,10.0.0.2,10.0.0.3',
  })
}

/** What a machine is by the list of servers. */
export interface Standing {
  readonly role: Role
  /** Its own entry, from 0; null: it has none. */
  readonly position: number | null
}

/**
 * Decides what a machine is: who stands in the list is a server, everybody else an agent. `own`: its addresses, with the
 * public one. `wanted`: what the user says instead. Throws USAGE for a server that is told to be one and has no entry.
 */
export function standingOf(seeds: readonly ServerEntry[], own: ReadonlySet<string>, wanted: Role | null): Standing {
  const at = seeds.findIndex(({ host, addresses }) => own.has(host) || addresses.some((address) => own.has(address)))
  const position = at < 0 ? null : at
  if (wanted === 'agent' || (wanted === null && position === null)) return { role: 'agent', position: null }
  if (position !== null) return { role: 'server', position }
  throw new OperationalError('USAGE', 'this machine cannot be a server: none of --seeds is an address of it', {
    hint: 'add its address to --seeds, the same list on every machine',
  })
}

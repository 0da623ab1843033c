import type { KnownContexts } from '../contexts/find-contexts.ts'
import type { Reach } from '../reach.ts'
import type { Format } from './format.ts'
import { printable, table } from './table.ts'

/** A cluster as `clusters` lists it. */
export interface ListedContext {
  readonly name: string
  readonly title: string | null
  readonly selected: boolean
  /** URLs, or the path of a socket. */
  readonly servers: readonly string[]
  /** The file that names it. */
  readonly file: string
}

/** What the files name, without what is secret. */
export function listedContexts({ contexts, selected }: KnownContexts): readonly ListedContext[] {
  return contexts.map(({ name, title, servers, socket, file }) => {
    return { name, title, selected: name === selected?.name, servers: socket === null ? servers : [socket], file }
  })
}

/** Clusters, one line each; the selected one has a star. */
export function contextsText(contexts: readonly ListedContext[], { width, style }: Format): string {
  if (contexts.length === 0) return 'No clusters are known: `gantry clusters add` makes one known.'
  const rows = contexts.map(({ name, title, selected, servers, file }) => {
    const called = title === null || title === name ? name : `${name} (${title})`
    return [selected ? { text: '*', paint: style.good } : '', called, servers.join(', '), file]
  })
  return table([' ', 'CLUSTER', 'SERVERS', 'FROM'], rows, width)
}

/** Where commands go, as `which` tells it. */
export interface Reached {
  /** null: no file names it. */
  readonly cluster: string | null
  readonly servers: readonly string[]
  readonly because: string
}

/** Where commands go, without the token. */
export function reachedBy({ context, servers, because }: Reach): Reached {
  const places = servers.targets.map((target) => ('socketPath' in target ? target.socketPath : target.url))
  return { cluster: context?.name ?? null, servers: places, because }
}

/** Where commands go, and why. */
export function reachText({ cluster, servers, because }: Reached): string {
  const name = cluster === null ? 'this machine, or the place that was named' : printable(cluster)
  return `${name}\n  servers  ${servers.map(printable).join(', ')}\n  because  ${printable(because)}`
}

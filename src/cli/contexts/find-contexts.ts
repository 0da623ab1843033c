import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import type { ClusterContext, ContextFile } from './cluster-context.ts'
import type { Entry } from './entry-values.ts'

/** Every cluster that can be named here, and the one that is selected. */
export interface KnownContexts {
  readonly files: readonly ContextFile[]
  /** A name that stands in both files is that of the first. */
  readonly contexts: readonly ClusterContext[]
  readonly selected: { readonly name: string; readonly file: string } | null
}

/** Where our own file of clusters is, whether it is there or not. */
export function clustersPath(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'gantry', 'clusters.yaml')
}

/** The file of GoCluster's command line: that of the current directory, else that of the user. null: there is none. */
export function goclusterPath(env: NodeJS.ProcessEnv): string | null {
  const places = [process.cwd(), env['HOME'] || homedir()].map((directory) => join(directory, '.gocluster.yaml'))
  return places.find((path) => existsSync(path)) ?? null
}

/** Whether any file of clusters is there. */
export function hasContexts(env: NodeJS.ProcessEnv): boolean {
  return existsSync(clustersPath(env)) || goclusterPath(env) !== null
}

/** Reads the files of clusters: ours first. What ours selects counts more. Throws CONFIG_INVALID. */
export async function findContexts(env: NodeJS.ProcessEnv): Promise<KnownContexts> {
  const files: ContextFile[] = []
  const own = clustersPath(env)
  if (existsSync(own)) files.push((await import('./clusters-file.ts')).clustersFile(await readBlock(own), own))
  const other = goclusterPath(env)
  if (other !== null) files.push((await import('./gocluster-file.ts')).goclusterFile(await readBlock(other), other))
  const contexts: ClusterContext[] = []
  for (const context of files.flatMap((file) => file.contexts))
    if (!contexts.some(({ name }) => name === context.name)) contexts.push(context)
  const selecting = files.find(({ selected }) => selected !== null)
  const selected = selecting?.selected ?? null
  return {
    files,
    contexts,
    selected: selected === null ? null : { name: selected, file: selecting?.path ?? '' },
  }
}

/** The cluster of that name or title. Throws NOT_FOUND with those that there are. */
export function contextNamed(name: string, { contexts }: Pick<KnownContexts, 'contexts'>): ClusterContext {
  const found = contexts.find((one) => one.name === name) ?? contexts.find(({ title }) => title === name)
  if (found !== undefined) return found
  const names = contexts.map((one) => one.name).join(', ')
  throw new OperationalError('NOT_FOUND', `no cluster is called ${name}`, {
    hint: names === '' ? '`gantry clusters add` makes one known' : `there are ${names}`,
  })
}

async function readBlock(path: string): Promise<Entry> {
  checkOwner(path)
  const { parse } = await import('yaml')
  try {
    const value: unknown = parse(readFileSync(path, 'utf8'))
    if (value === null || value === undefined) return {}
    if (typeof value === 'object' && !Array.isArray(value)) return value as Entry
  } catch (cause) {
    const [message = ''] = (cause as Error).message.split('\n')
    throw new OperationalError('CONFIG_INVALID', `cannot read ${path}: ${message.replace(/:$/, '')}`, { cause })
  }
  throw new OperationalError('CONFIG_INVALID', `${path} holds no block of keys`)
}

/** It says where tokens are sent, so nobody else may write it. */
function checkOwner(path: string): void {
  const { uid, mode } = statSync(path)
  const us = process.getuid?.() ?? uid
  if ((uid === us || uid === 0) && (mode & 0o002) === 0) return
  throw new OperationalError('CONFIG_INVALID', `${path} can be written by others, and says where tokens are sent`, {
    hint: `chmod o-w ${path}, if it is yours`,
  })
}

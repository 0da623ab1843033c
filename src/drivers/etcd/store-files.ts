import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { EtcdSetting } from '../../core/etcd/arguments.ts'
import { sha256 } from '../backup-digest.ts'
import { errorCode, replaceFile, syncDirectory } from '../durable-text.ts'
import type { Authority } from '../pki/authority.ts'
import { issueStoreCertificate } from '../pki/store-authority.ts'

/** What a client of the store shows and believes, in PEM. */
export interface StoreCredentials {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/**
 * `trusted`: the authorities in the file of that name. While one follows the other, both are in a file of another name, which
 * says which, so that etcd is started anew: it reads that file only then.
 */
export function storeFiles(
  dataDir: string,
  trusted: readonly Authority[] = [],
): Pick<EtcdSetting, 'dataDir' | 'authorityFile' | 'memberFile'> {
  return {
    dataDir: join(dataDir, 'etcd'),
    authorityFile: join(dataDir, 'etcd-run', authorityName(trusted)),
    memberFile: join(dataDir, 'etcd-run', 'member.pem'),
  }
}

/**
 * Makes a new key and certificate for this server's etcd. Both are in one file, so that they change together: etcd reads it
 * again for every connection. `further`: authorities that are trusted beside the one that signs.
 */
export async function writeStoreCredentials(
  dataDir: string,
  authority: Authority,
  host: string,
  now: number,
  further: readonly Authority[] = [],
): Promise<StoreCredentials> {
  const trusted = [authority, ...further]
  const { authorityFile, memberFile } = storeFiles(dataDir, trusted)
  const ca = trusted.map((one) => one.certificate).join('')
  const { key, certificate } = await issueStoreCertificate(authority, host, now)
  await mkdir(join(dataDir, 'etcd-run'), { recursive: true, mode: 0o700 })
  await replaceFile(authorityFile, ca)
  await replaceFile(memberFile, `${certificate}${key}`)
  return { ca, cert: certificate, key }
}

function authorityName(trusted: readonly Authority[]): string {
  if (trusted.length < 2) return 'authority.crt'
  const whole = trusted.map(({ certificate }) => certificate).sort()
  return `authorities-${sha256(whole.join('')).slice(0, 16)}.crt`
}

/** Whether etcd has run here: it knows a member by its log, and makes that in one step. */
export async function hasEtcdData(dataDir: string): Promise<boolean> {
  const path = join(storeFiles(dataDir).dataDir, 'member', 'wal')
  try {
    return (await readdir(path)).some((name) => name.endsWith('.wal'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

/** What a server that keeps the store was started with, for commands that work on its data directory. */
export interface KeptSetting {
  readonly setting: EtcdSetting
  readonly program: string
  readonly namespace: string
  /** Where the members of the list serve, `host:port`. */
  readonly addresses: readonly string[]
}

export async function keepSetting(dataDir: string, kept: KeptSetting): Promise<void> {
  await replaceFile(join(dataDir, 'etcd-run', 'setting.json'), `${JSON.stringify(kept)}\n`)
}

/** null: no server has kept the store here. */
export async function keptSetting(dataDir: string): Promise<KeptSetting | null> {
  try {
    return JSON.parse(await readFile(join(dataDir, 'etcd-run', 'setting.json'), 'utf8')) as KeptSetting
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

/** Says durably that a state is being put into this etcd, which no server may use until then. */
export async function markUnfinished(dataDir: string): Promise<void> {
  await replaceFile(unfinishedFile(dataDir), 'a state is being put here\n')
}

export async function markFinished(dataDir: string): Promise<void> {
  await rm(unfinishedFile(dataDir), { force: true })
  await syncDirectory(join(dataDir, 'etcd-run'))
}

/** Whether putting a state here was begun and not finished. */
export async function isUnfinished(dataDir: string): Promise<boolean> {
  try {
    await access(unfinishedFile(dataDir))
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

function unfinishedFile(dataDir: string): string {
  return join(dataDir, 'etcd-run', 'unfinished')
}

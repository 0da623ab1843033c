import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { fileFailure } from '../../lib/file-failure.ts'
import { errorCode, isAbsent, replaceFile, syncDirectory } from '../durable-text.ts'
import { splitBundle } from './describe-certificate.ts'
import { asClusterKeys, type ClusterKeys, listKeys } from './key-ring.ts'
import { newClusterKey } from './seal.ts'

/** Who a machine is, as its disk has it. All but the certificates is secret. */
export interface StoredIdentity extends ClusterKeys {
  /** The node's private key, in PEM. */
  readonly key: string
  /** The node's certificate, in PEM; a cross-signed authority may follow it. */
  readonly certificate: string
  /** The authorities that the node trusts, in PEM. */
  readonly bundle: string
}

const NEXT = '.next'
const CLUSTER_KEYS = /^[0-9a-f]{64}(\n[0-9a-f]{64})?$/

/** The identity of a node in `<data directory>/identity`. */
export class IdentityFiles {
  readonly #directory: string

  constructor(dataDir: string) {
    this.#directory = join(dataDir, 'identity')
  }

  /**
   * Reads the identity; null: this machine has none yet. Throws STORE_CORRUPT for files that are damaged, missing or do not
   * belong together, CONFIG_INVALID for secret ones that others can read. When writing was cut off, key and certificate
   * are both the old ones or both the new ones.
   */
  async read(): Promise<StoredIdentity | null> {
    const certificate = await this.#text('node.crt')
    if (certificate === null) {
      if ((await this.#secret('node.key')) === null) return null
      throw damaged(this.#path('node.crt'), 'it is missing, but node.key is there')
    }
    const key = await this.#keyOf(this.#certificate('node.crt', certificate))
    const bundle = await this.#bundle()
    return { key, certificate, bundle, ...asClusterKeys(await this.clusterKeys()) }
  }

  /**
   * Writes an identity so that a loss of power at any moment leaves a usable one. The authorities come first: a new
   * certificate must not be there without the one who vouches for it.
   */
  async write(identity: StoredIdentity): Promise<void> {
    await replaceFile(this.#path('authority.crt'), identity.bundle)
    const keys = listKeys(identity)
    if (keys.length === 0) await rm(this.#path('cluster.key'), { force: true })
    else await this.writeClusterKeys(keys)
    // With the certificate the identity changes over; its key waits beside the old one until then.
    await replaceFile(this.#path(`node.key${NEXT}`), identity.key)
    await replaceFile(this.#path('node.crt'), identity.certificate)
    await this.#takeNextKey()
  }

  /**
   * The cluster key of a cluster that is being made here: the one of an attempt that was cut off, or a new one, which is
   * durable before anything is sealed with it.
   */
  async foundingKey(): Promise<Buffer> {
    const kept = await this.readClusterKey()
    if (kept !== null) return kept
    const key = newClusterKey()
    await this.writeClusterKeys([key])
    return key
  }

  /** The cluster key alone, which may be there before the machine has an identity; null: there is none. */
  async readClusterKey(): Promise<Buffer | null> {
    return (await this.clusterKeys())[0] ?? null
  }

  /** The cluster keys alone: two while one follows the other, the one to go by first. */
  async clusterKeys(): Promise<readonly Buffer[]> {
    const text = (await this.#secret('cluster.key'))?.trim() ?? null
    if (text === null) return []
    if (!CLUSTER_KEYS.test(text)) throw damaged(this.#path('cluster.key'), 'it does not hold 64 hex digits')
    return text.split('\n').map((line) => Buffer.from(line, 'hex'))
  }

  /** Replaces the cluster keys, and nothing else. */
  async writeClusterKeys(keys: readonly Buffer[]): Promise<void> {
    await replaceFile(this.#path('cluster.key'), keys.map((key) => `${key.toString('hex')}\n`).join(''))
  }

  /** Replaces the authorities that the node trusts, and nothing else. */
  async writeBundle(bundle: string): Promise<void> {
    await replaceFile(this.#path('authority.crt'), bundle)
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }

  async #keyOf(certificate: X509Certificate): Promise<string> {
    const key = await this.#secret('node.key')
    if (key !== null && this.#belongs(certificate, 'node.key', key)) return key
    const next = await this.#secret(`node.key${NEXT}`)
    if (next !== null && this.#belongs(certificate, `node.key${NEXT}`, next)) {
      await this.#takeNextKey()
      return next
    }
    throw damaged(this.#path('node.key'), key === null ? 'it is missing' : 'it does not belong to node.crt')
  }

  async #takeNextKey(): Promise<void> {
    await rename(this.#path(`node.key${NEXT}`), this.#path('node.key'))
    await syncDirectory(this.#directory)
  }

  #belongs(certificate: X509Certificate, name: string, key: string): boolean {
    try {
      return certificate.checkPrivateKey(createPrivateKey(key))
    } catch (cause) {
      throw damaged(this.#path(name), 'it holds no private key', cause)
    }
  }

  #certificate(name: string, pem: string): X509Certificate {
    try {
      return new X509Certificate(pem)
    } catch (cause) {
      throw damaged(this.#path(name), 'it holds no certificate', cause)
    }
  }

  async #bundle(): Promise<string> {
    const bundle = await this.#text('authority.crt')
    if (bundle === null) throw damaged(this.#path('authority.crt'), 'it is missing')
    const certificates = splitBundle(bundle)
    if (certificates.length === 0) throw damaged(this.#path('authority.crt'), 'it holds no certificate')
    for (const pem of certificates) {
      if (!this.#certificate('authority.crt', pem).ca) {
        throw damaged(this.#path('authority.crt'), 'one of its certificates is not of an authority')
      }
    }
    return bundle
  }

  async #secret(name: string): Promise<string | null> {
    const text = await this.#text(name)
    if (text === null) return null
    const path = this.#path(name)
    if (((await stat(path)).mode & 0o077) !== 0) {
      throw new OperationalError('CONFIG_INVALID', `cannot use ${path}: others can read it`, {
        hint: `chmod 600 ${path}; if others may have read it, let the node join again`,
      })
    }
    return text
  }

  async #text(name: string): Promise<string | null> {
    try {
      return await readFile(this.#path(name), 'utf8')
    } catch (cause) {
      if (isAbsent(cause)) return null
      throw damaged(this.#path(name), fileFailure(errorCode(cause)), cause)
    }
  }
}

function damaged(path: string, why: string, cause?: unknown): OperationalError {
  return new OperationalError('STORE_CORRUPT', `cannot use the identity in ${path}: ${why}`, {
    hint: 'put the files back from a backup, or remove the directory identity and let the node join again',
    cause,
  })
}

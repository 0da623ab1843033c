import { OperationalError } from '../../src/core/errors.ts'
import type { NodeIdentity } from '../../src/core/model/identity.ts'
import type { Authority, Trust, TrustUpdate } from '../../src/core/model/message.ts'
import { judgeAuthority } from '../../src/core/node/fence.ts'
import type { PeerCertificate } from '../../src/ports/link.ts'
import type { OwnIdentity } from '../../src/ports/own-identity.ts'
import { holderOf, namesIn, signerOf } from '../plain-certifier.ts'
import type { Mortal } from './mortal.ts'
import type { SimServer } from './server.ts'

/** What a machine's disk has of its identity. */
export interface SimIdentityFiles {
  certificate: string
  bundle: string
  keys: number
  heeded: Authority | null
  clusterKeys: readonly string[]
}

export interface SimIdentityDeps {
  /** Where the machine keeps it; null: it has none. */
  readonly files: SimIdentityFiles
  readonly name: string
  readonly user: Mortal
  readonly servers: () => readonly SimServer[]
  /** Its agent says again who it is. */
  readonly onChange: () => void
}

/** A certificate of words that follows the authority as a real one does; it must never be left behind. */
export class SimIdentity implements OwnIdentity {
  readonly #deps: SimIdentityDeps
  #renewing = false

  constructor(deps: SimIdentityDeps) {
    this.#deps = deps
  }

  trust(): Trust {
    const { certificate, bundle, clusterKeys } = this.#deps.files
    return { authorities: namesIn(bundle), signedBy: signerOf(certificate), clusterKeys }
  }

  async learn({ authority, bundle, signing, clusterKeys }: TrustUpdate): Promise<void> {
    const { files, name, onChange } = this.#deps
    if (judgeAuthority(files.heeded, authority, () => true).kind !== 'accept') return
    files.heeded = authority
    const names = namesIn(bundle)
    if (!names.includes(signing)) throw new Error(`${name} is told of an authority that signs and is not trusted`)
    const signer = signerOf(files.certificate)
    // One that it got from a server which was ahead of what it had been told was nobody's to wait for.
    if (namesIn(files.bundle).includes(signer) && !names.includes(signer))
      throw new Error(`${name} was left behind: ${bundle} does not trust its ${files.certificate}`)
    if (files.bundle !== bundle) {
      files.bundle = bundle
      onChange()
    }
    if (signerOf(files.certificate) !== signing) this.renew()
    if (clusterKeys !== undefined) this.#takeKeys(clusterKeys)
  }

  #takeKeys(clusterKeys: readonly string[]): void {
    const { files, name, onChange } = this.#deps
    // It could open nothing of what was sealed until now.
    if (!clusterKeys.some((key) => files.clusterKeys.includes(key)))
      throw new Error(`${name} is told to hold ${clusterKeys.join()} in the place of ${files.clusterKeys.join()}`)
    files.clusterKeys = clusterKeys
    onChange()
  }

  renew(): void {
    if (this.#renewing) return
    this.#renewing = true
    void this.#renew().finally(() => {
      this.#renewing = false
    })
  }

  async #renew(): Promise<void> {
    const { files, name, user, servers, onChange } = this.#deps
    const server = servers().find(({ api }) => api !== null)
    const node = server?.api?.nodes().find((one) => one.name === `${name}:7946`)
    if (server === undefined || node === undefined) return
    // The first one is as if it had joined with a token.
    const first: NodeIdentity = { clusterId: server.clusterId, role: 'agent', nodeId: node.id }
    const shown = shownBy(files, name, server.clusterId)
    const isBarred = shown !== null && server.barred(shown.serial) !== null
    const who = { identity: isBarred ? null : (shown ?? first), keyHash: keyOf(name, files.keys) }
    try {
      const given = await server.renew(who, keyOf(name, files.keys + 1))
      if (given === null || !user.alive) return
      files.keys += 1
      files.certificate = given.certificate
      onChange()
    } catch (error) {
      // It is asked for again with the next news.
      if (!(error instanceof OperationalError)) throw error
    }
  }
}

/** What the certificate of a machine says; null: it has none yet. */
export function shownBy(
  { certificate, keys }: SimIdentityFiles,
  name: string,
  clusterId: string,
): PeerCertificate | null {
  const holder = holderOf(certificate)
  if (holder === null) return null
  const keyHash = (): string => keyOf(name, keys)
  return { clusterId, role: 'agent', ...holder, notAfter: Number.MAX_SAFE_INTEGER, keyHash }
}

function keyOf(name: string, number: number): string {
  return `key-of-${name}-${number}`
}

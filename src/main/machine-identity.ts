import { join } from 'node:path'
import * as z from 'zod'
import { OperationalError } from '../core/errors.ts'
import { parseIdentity } from '../core/identity/certificate-policy.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Authority, Trust, TrustUpdate } from '../core/model/message.ts'
import { judgeAuthority } from '../core/node/fence.ts'
import { systemClock } from '../drivers/clock.ts'
import { durableText, errorCode } from '../drivers/durable-text.ts'
import { describeCertificate, readCertificate, splitBundle } from '../drivers/pki/describe-certificate.ts'
import { IdentityFiles, type StoredIdentity } from '../drivers/pki/identity-files.ts'
import { isIncarnationProven } from '../drivers/pki/incarnation-proof.ts'
import { asClusterKeys, listKeys } from '../drivers/pki/key-ring.ts'
import { clusterKeyId } from '../drivers/pki/seal.ts'
import { systemRng } from '../drivers/rng.ts'
import type { Log } from '../ports/log.ts'
import type { OwnIdentity } from '../ports/own-identity.ts'
import type { Identity } from './identity.ts'
import { Renewal } from './renewal.ts'

export interface MachineIdentityDeps {
  readonly dataDir: string
  readonly identity: Identity
  readonly log: Log
  readonly wall: () => Millis
  /** Gets a new certificate for the same machine. Throws OperationalErrors. */
  readonly renew: (present: StoredIdentity) => Promise<StoredIdentity>
  /** It is to use other cluster keys from now on; resolves when it does. Left out: there is nothing that uses them by itself. */
  readonly takeKeys?: (keys: readonly Buffer[]) => Promise<void>
  /** It is another one, trusts others, or has other cluster keys. */
  readonly onChange: (identity: Identity) => void
}

const heededForm = z.object({
  authority: z.object({
    clusterId: z.string(),
    incarnation: z.number(),
    epoch: z.number(),
    revision: z.number(),
  }),
  revokedServers: z.array(z.string()),
})

/** What servers said last of whom to believe, beside the authorities themselves. */
interface Heeded {
  readonly authority: Authority | null
  readonly revokedServers: readonly string[]
}

const NOTHING_HEEDED: Heeded = { authority: null, revokedServers: [] }

/** Who this machine is, for as long as its process lives: kept on disk, renewed in time, and believing whom servers say. */
export class MachineIdentity implements OwnIdentity {
  readonly #deps: MachineIdentityDeps
  readonly #renewal: Renewal
  readonly #files: IdentityFiles
  #identity: Identity
  #heeded: Heeded
  #revoked: ReadonlySet<string>
  /** One change of the files after the other. */
  #turn: Promise<void> = Promise.resolve()

  private constructor(deps: MachineIdentityDeps, heeded: Heeded) {
    const { dataDir, identity, log, wall, renew } = deps
    this.#deps = deps
    this.#identity = identity
    this.#heeded = heeded
    this.#revoked = new Set(heeded.revokedServers)
    this.#files = new IdentityFiles(dataDir)
    this.#renewal = new Renewal({
      ...{ clock: systemClock(), rng: systemRng(), wall, log, renew },
      present: () => this.#identity.files,
      take: (files) => this.#inTurn(() => this.#take(files)),
    })
    void this.#renewal.run()
  }

  /** Renews the certificate from now on, until `end`. */
  static async open(deps: MachineIdentityDeps): Promise<MachineIdentity> {
    return new MachineIdentity(deps, await readHeeded(deps.dataDir))
  }

  get present(): Identity {
    return this.#identity
  }

  /** Serials of servers that are not to be believed any more. */
  get revoked(): ReadonlySet<string> {
    return this.#revoked
  }

  trust(): Trust {
    const { bundle, certificate } = this.#identity.files
    const authorities = splitBundle(bundle).map((one) => describeCertificate(one).keyHash)
    const clusterKeys = listKeys(this.#identity.files).map(clusterKeyId)
    return { authorities, signedBy: signerOf(certificate, bundle), ...(clusterKeys.length > 0 && { clusterKeys }) }
  }

  async learn(update: TrustUpdate): Promise<void> {
    const { authority, bundle, signing, renewWithinMs, revokedServers, proof } = update
    await this.#inTurn(async () => {
      // A server that has not heard of its successor must not take back what that one said.
      const { files } = this.#identity
      const vouched = (): boolean => isIncarnationProven(files.bundle, authority, proof ?? null)
      if (judgeAuthority(this.#heeded.authority, authority, vouched).kind !== 'accept') return
      if (bundle !== files.bundle) {
        checkBundle(bundle)
        await keepHeeded(this.#deps.dataDir, { authority, revokedServers })
        await this.#files.writeBundle(bundle)
        this.#become({ ...this.#identity, files: { ...files, bundle } })
      } else if (revokedServers.join() !== this.#heeded.revokedServers.join()) {
        await keepHeeded(this.#deps.dataDir, { authority, revokedServers })
      }
      this.#heeded = { authority, revokedServers }
      this.#revoked = new Set(revokedServers)
      if (this.trust().signedBy !== signing) this.#renewal.soon(renewWithinMs)
      await this.#takeKeys(update.clusterKeys ?? [])
    })
  }

  renew(): void {
    this.#renewal.soon(0)
  }

  end(): void {
    this.#renewal.end()
  }

  /** On disk first, then in use; only then does anybody hear of it. */
  async #takeKeys(texts: readonly string[]): Promise<void> {
    const { role, files } = this.#identity
    const isNews =
      texts.length > 0 &&
      texts.join() !==
        listKeys(files)
          .map((key) => key.toString('hex'))
          .join()
    if (!isNews || role !== 'server') return
    if (texts.length > 2 || !texts.every((text) => /^[0-9a-f]{64}$/.test(text)))
      throw new OperationalError('UNAVAILABLE', 'what the server says of cluster keys makes no sense')
    const keys = texts.map((text) => Buffer.from(text, 'hex'))
    await this.#files.writeClusterKeys(keys)
    await this.#deps.takeKeys?.(keys)
    const { clusterKey: _, otherKey: __, ...rest } = this.#identity.files
    this.#become({ ...this.#identity, files: { ...rest, ...asClusterKeys(keys) } })
  }

  async #take(files: StoredIdentity): Promise<void> {
    const { uri } = describeCertificate(files.certificate)
    const who = uri === null ? null : parseIdentity(uri)
    if (who === null) throw new OperationalError('UNAVAILABLE', 'the new certificate says nothing of a node')
    const present = this.#identity.files
    // Whoever renewed it may know less of authorities and keys than whoever leads has said meanwhile.
    const bundle = signerOf(files.certificate, present.bundle) === '' ? files.bundle : present.bundle
    const taken = { ...present, key: files.key, certificate: files.certificate, bundle }
    await this.#files.write(taken)
    this.#become({ ...who, files: taken })
  }

  #become(identity: Identity): void {
    this.#identity = identity
    this.#deps.onChange(identity)
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(change).catch((cause: unknown) => {
      if (cause instanceof OperationalError) throw cause
      const why = `cannot keep the identity of this machine on disk: ${errorCode(cause)}`
      throw new OperationalError('UNAVAILABLE', why, { cause })
    })
    this.#turn = done.catch(() => undefined)
    return done
  }
}

/** The authority that signed it, by the hash of its key; empty: none of these. */
function signerOf(certificate: string, bundle: string): string {
  const leaf = readCertificate(certificate)
  const signer = splitBundle(bundle).find((one) => {
    const authority = readCertificate(one)
    return leaf.checkIssued(authority) && leaf.verify(authority.publicKey)
  })
  return signer === undefined ? '' : describeCertificate(signer).keyHash
}

/** Throws UNAVAILABLE for what must not take the place of what is trusted now. */
function checkBundle(bundle: string): void {
  const all = splitBundle(bundle)
  if (all.length > 0 && all.join('') === bundle && all.every((one) => readCertificate(one).ca)) return
  throw new OperationalError('UNAVAILABLE', 'what the server says of authorities makes no sense')
}

async function readHeeded(dataDir: string): Promise<Heeded> {
  const text = await heededFile(dataDir).read()
  try {
    return text === null ? NOTHING_HEEDED : heededForm.parse(JSON.parse(text))
  } catch {
    // The next server says it again.
    return NOTHING_HEEDED
  }
}

async function keepHeeded(dataDir: string, heeded: Heeded): Promise<void> {
  await heededFile(dataDir).write(`${JSON.stringify(heeded)}\n`)
}

function heededFile(dataDir: string): ReturnType<typeof durableText> {
  return durableText(join(dataDir, 'identity', 'trust.json'))
}

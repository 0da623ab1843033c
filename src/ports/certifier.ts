import type { BackupKey } from '../core/backup/form.ts'
import type { IncarnationProof } from '../core/model/cluster.ts'
import type {
  CertificateAuthority,
  ClusterSecretRecord,
  IssuedCertificate,
  JoinTokenRecord,
  NodeIdentity,
  Role,
  StretchedSecret,
} from '../core/model/identity.ts'
import type { Millis } from '../core/model/ids.ts'

export interface TokenWish {
  readonly role: Role
  readonly createdBy: string
  readonly now: Millis
  readonly lifeMs?: Millis
  /** null: as often as one likes. */
  readonly uses?: number | null
}

/** What a server does with the cluster key and the authority, so that nobody else has to see them. */
export interface Certifier {
  newToken(
    authority: CertificateAuthority,
    wish: TokenWish,
  ): { readonly text: string; readonly record: JoinTokenRecord }
  /** In a time that tells nothing of the secret. */
  secretMatches(authority: CertificateAuthority, record: JoinTokenRecord | null, secret: string): boolean
  /** Certifies the key of a request; PEM, with the chain that goes with it. Throws USAGE for a request that is not sound. */
  issue(
    authority: CertificateAuthority,
    request: string,
    terms: NodeIdentity & { readonly addresses: readonly string[]; readonly now: Millis },
  ): Promise<string>
  /** What is kept in mind of a certificate that the authority signed now. */
  describe(authority: CertificateAuthority, certificate: string, now: Millis): IssuedCertificate
  /** Names an authority: SHA-256 of its public key in base32. */
  nameOf(certificate: string): string
  /** The authority's record with a next one in it, made now. Throws CONFLICT while one is in it already. */
  prepareNext(authority: CertificateAuthority, clusterId: string, now: Millis): Promise<CertificateAuthority>
  /** What the store keeps of a cluster secret. */
  sealSecret(authority: CertificateAuthority, clusterId: string, secret: StretchedSecret): ClusterSecretRecord
  /** The authority's word that the state of the cluster is of this incarnation. */
  prove(
    authority: CertificateAuthority,
    life: { readonly clusterId: string; readonly incarnation: number; readonly at: Millis },
  ): IncarnationProof
  /** What proves that this cluster made a backup. */
  backupKey(authority: CertificateAuthority): BackupKey
  /** The cluster keys of these names, in hex: what a machine must have to be a server. null: this one has not all of them. */
  keyTexts(names: readonly string[]): readonly string[] | null
  /** Makes another cluster key, kept in mind until servers hold it, and names it. */
  drawKey(): string
  /** The same authority, with all that is sealed in it sealed with the key of that name. Throws STORE_CORRUPT. */
  reseal(authority: CertificateAuthority, clusterId: string, keyName: string): CertificateAuthority
}

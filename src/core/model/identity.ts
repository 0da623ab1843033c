import type { Millis, NodeId } from './ids.ts'

/** The two roles of the process. A server carries out as well: its machine runs an agent too. */
export const ROLES = ['server', 'agent'] as const
export type Role = (typeof ROLES)[number]

/** Who a machine is, as its certificate says it. */
export interface NodeIdentity {
  readonly clusterId: string
  readonly role: Role
  readonly nodeId: NodeId
}

/** A text encrypted with the cluster key, and bound to the place it belongs to. */
export interface Sealed {
  /** Names the cluster key without telling anything of it. */
  readonly keyId: string
  /** Number used once, ciphertext and tag, each in base64. */
  readonly nonce: string
  readonly ciphertext: string
  readonly tag: string
}

/** A certificate of the authority with its private key, which leaves the cluster key's protection only in servers' memory. */
export interface SigningKey {
  readonly certificate: string
  readonly sealedKey: Sealed
}

/**
 * Where the change to another authority is.
 *
 * - none: one authority signs, and it alone is trusted.
 * - prepared: the next one exists and is given to every node to trust; the old one still signs.
 * - switched: the next one signs; the old one stays trusted until every living node has a certificate of the next one.
 */
export type Rotation =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'prepared'
      readonly since: Millis
      readonly next: SigningKey
      /** The next authority's key, certified by the present one: for nodes that have not heard of it. */
      readonly crossSigned: string
    }
  | { readonly kind: 'switched'; readonly since: Millis; readonly previous: string; readonly crossSigned: string }

/**
 * Where the change to another cluster key is. Keys are named as in `Sealed`.
 *
 * - prepared: servers are given the next one; the old one still seals.
 * - switched: everything is sealed with the next one; the old one is kept until every server goes by the next one.
 */
export type KeyChange =
  | { readonly kind: 'prepared'; readonly since: Millis; readonly next: string }
  | { readonly kind: 'switched'; readonly since: Millis; readonly previous: string }

/** A secret that the users made up, stretched and sealed: whoever knows it may join. */
export interface ClusterSecretRecord {
  /** 16 random bytes in hex. */
  readonly salt: string
  readonly sealedKey: Sealed
}

/** A secret that its users made up, stretched: it lets in, and tells nothing of itself. Both in hex. */
export interface StretchedSecret {
  /** 16 random bytes. */
  readonly salt: string
  /** 32 bytes. */
  readonly stretched: string
}

/** `authority/self`: the certificate authority of the cluster. */
export interface CertificateAuthority {
  /** Certificates that are trusted, in PEM; the one that signs first. */
  readonly bundle: readonly string[]
  readonly signing: SigningKey
  readonly rotation: Rotation
  /** Missing: no change of the cluster key is on the way. */
  readonly keyChange?: KeyChange
  /** null: machines join with tokens only. */
  readonly clusterSecret: ClusterSecretRecord | null
}

/** `token/<id>`: what is kept of a join token; the secret itself is shown once and never kept. */
export interface JoinTokenRecord {
  readonly id: string
  readonly role: Role
  /** A keyed hash of id, role, expiry and secret, in hex. */
  readonly secretHash: string
  readonly createdBy: string
  readonly createdAt: Millis
  readonly expiresAt: Millis
  /** null: as often as one likes. */
  readonly usesLeft: number | null
  readonly revokedAt: Millis | null
}

/** One certificate that a node was given. */
export interface IssuedCertificate {
  readonly serial: string
  /** SHA-256 of its public key in base32: whoever has the private half is that node's machine. */
  readonly keyHash: string
  /** The same of the authority that signed it. */
  readonly authority: string
  readonly issuedAt: Millis
  readonly notAfter: Millis
}

/** `certificates/<node id>`: those that a node was given, the newest last, as long as its machine may come with them. */
export interface NodeCertificates {
  readonly nodeId: NodeId
  readonly role: Role
  readonly issued: readonly IssuedCertificate[]
}

/** `revoked/<serial>`: a certificate that is not believed although it has not expired. */
export interface RevokedCertificate {
  readonly serial: string
  readonly keyHash: string
  readonly nodeId: NodeId
  readonly role: Role
  readonly because: string
  readonly revokedAt: Millis
  /** From then on the certificate is worthless anyway, and this object may be removed. */
  readonly notAfter: Millis
}

/** `access/<id>`: a token for the API that is good on every server. */
export interface AccessToken {
  /** Shown in events; says nothing about the token. */
  readonly id: string
  /** Hex of its SHA-256: the token itself is in a file of whoever may use it. */
  readonly sha256: string
  /** The server that made it. */
  readonly createdBy: string
  readonly createdAt: Millis
}

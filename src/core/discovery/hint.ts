/** What a server tells whoever searches. Only a hint: the join token or the certificates decide what to believe. */
export interface Hint {
  /** 16 hex digits. */
  readonly clusterId: string
  /** SHA-256 of the authority's public key in base32, as in join tokens. */
  readonly authorityHash: string
  /**
   * Link addresses of the servers, `host:port`, the one that answers first. Without a host (`:7947`) it is the address
   * that the answer comes from.
   */
  readonly servers: readonly string[]
}

/** A hint as it arrived. */
export interface FoundHint extends Hint {
  /** IP address of who answered. */
  readonly from: string
}

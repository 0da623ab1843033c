const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection closed without an answer',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name cannot be looked up now',
  EPIPE: 'connection closed without an answer',
  ETIMEDOUT: 'no answer',
}

/** What a code of the network means, in words; null: it is none that is known. */
export function networkFailure(code: string): string | null {
  return WORDS[code] ?? null
}

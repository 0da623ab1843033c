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

/** The same for the message of a library that names such a code somewhere; null: it names none. */
export function networkFailureIn(message: string): string | null {
  const code = /\bE[A-Z_]{4,}\b/.exec(message)?.[0]
  return code === undefined ? null : networkFailure(code)
}

import type { CST } from 'yaml'

export const MAX_BYTES = 1024 * 1024
export const MAX_DEPTH = 32
export const MAX_NODES = 100_000
/** A document of 1 MiB in lines of ordinary length has about 300,000. */
export const MAX_LEXEMES = 400_000

/** The document is larger than a manifest can be; thrown and caught inside the parser only. */
export class TooLarge extends Error {
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/**
 * Bounds depth and number of nodes of a document before it is composed, because composing recurses. Walks with a
 * stack of its own for the same reason.
 */
export function checkTokens(tokens: readonly CST.Token[]): void {
  const stack: { token: CST.Token; depth: number }[] = []
  for (const token of tokens) if (token.type === 'document' && token.value) stack.push({ token: token.value, depth: 1 })
  let nodes = 0
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { token, depth } = next
    countNode(++nodes, depth, 'offset' in token ? token.offset : 0)
    if (!('items' in token)) continue
    for (const item of token.items) {
      if (item.key) stack.push({ token: item.key, depth: depth + 1 })
      if (item.value) stack.push({ token: item.value, depth: depth + 1 })
    }
  }
}

/** Stops when a document has more nodes or deeper ones than a manifest may have. */
export function countNode(nodes: number, depth: number, offset: number): void {
  if (depth > MAX_DEPTH) throw new TooLarge(offset, `nested more than ${MAX_DEPTH} levels deep`)
  if (nodes > MAX_NODES) throw new TooLarge(offset, `more than ${MAX_NODES} values, aliases expanded`)
}

/**
 * Splits text into words like a shell does with quotes and backslashes, and does nothing else that a shell does.
 * Returns null when a quote is not closed.
 */
export function splitWords(text: string): readonly string[] | null {
  const words: string[] = []
  let word: string | null = null
  let quote: '"' | "'" | null = null
  for (let i = 0; i < text.length; i++) {
    const sign = text[i] ?? ''
    if (sign === '\\' && quote !== "'") {
      i++
      const next = text[i] ?? ''
      const kept = quote === '"' && next !== '"' && next !== '\\'
      word = (word ?? '') + (kept ? `\\${next}` : next)
    } else if (quote === null && (sign === '"' || sign === "'")) {
      quote = sign
      word ??= ''
    } else if (sign === quote) {
      quote = null
    } else if (quote === null && /\s/.test(sign)) {
      if (word !== null) words.push(word)
      word = null
    } else {
      word = (word ?? '') + sign
    }
  }
  if (quote !== null) return null
  return word === null ? words : [...words, word]
}

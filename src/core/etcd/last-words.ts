const MOST_CHARACTERS = 600

/** Why etcd has ended, from what it wrote last: without the form of its log, and without the stack of a panic. */
export function lastWordsOf(log: string): string {
  const lines = log.trim().split('\n')
  // What is not in the form of its log comes from the program that broke, or could not begin.
  const bare = lines.slice(lines.findLastIndex((line) => line.startsWith('{')) + 1)
  const words =
    bare.findLast((line) => /^(panic|fatal error): /.test(line)) ?? bare.at(-1) ?? wordsOf(lines.at(-1) ?? '')
  return words.slice(-MOST_CHARACTERS)
}

/** What a line of its log says. */
function wordsOf(line: string): string {
  const { msg, error } = parsed(line)
  return [msg, error].filter((part) => part !== undefined).join(': ')
}

function parsed(line: string): { readonly msg?: string; readonly error?: string } {
  try {
    return JSON.parse(line) as { msg?: string; error?: string }
  } catch {
    // It was cut off while it was written.
    return { msg: line }
  }
}

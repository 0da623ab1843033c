const HIDDEN = '***'
/** Options whose value is, or assigns, something that may be secret. */
const ASSIGNING = new Set(['-e', '--env', '--build-arg', '--label', '-l'])
const SECRET = new Set(['--password', '--secret', '--token', '--pat'])
const LOOKS_SECRET = /pass|secret|token|key|credential|auth|cert/i

/**
 * The words of a command of Docker as they may be recorded: values of variables, passwords, and of what looks like them
 * by its name are left out.
 */
export function redactArgv(argv: readonly string[]): readonly string[] {
  const login = argv.includes('login')
  let before = ''
  return argv.map((word) => {
    const option = before
    before = word
    if (SECRET.has(option) || (login && option === '-p')) return HIDDEN
    if (ASSIGNING.has(option)) return withoutValue(word)
    return redactWord(word, login)
  })
}

function redactWord(word: string, login: boolean): string {
  const [name = '', ...rest] = word.split('=')
  if (rest.length > 0 && SECRET.has(name)) return `${name}=${HIDDEN}`
  if (rest.length > 0 && ASSIGNING.has(name)) return `${name}=${withoutValue(rest.join('='))}`
  if (/^-e[^-]/.test(word)) return `-e${withoutValue(word.slice(2))}`
  if (login && /^-p./.test(word)) return `-p${HIDDEN}`
  if (rest.length > 0 && LOOKS_SECRET.test(name)) return `${name}=${HIDDEN}`
  // A word with a URL may carry a user and his password.
  return word.replace(/(\w+:\/\/[^/@\s:]*):[^/@\s]+@/g, `$1:${HIDDEN}@`)
}

function withoutValue(assignment: string): string {
  const at = assignment.indexOf('=')
  return at < 0 ? assignment : `${assignment.slice(0, at)}=${HIDDEN}`
}

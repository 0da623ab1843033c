/** Signals of Linux by name, without SIG. */
const NAMES = new Set(
  (
    'HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU ' +
    'URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS'
  ).split(' '),
)
const HIGHEST = 64

/** The usual form of a signal given as `SIGTERM`, `term` or `15`; null when there is no such signal. */
export function signalName(text: string): string | null {
  const upper = text.toUpperCase()
  if (/^\d{1,2}$/.test(upper)) return Number(upper) >= 1 && Number(upper) <= HIGHEST ? upper : null
  const name = upper.startsWith('SIG') ? upper.slice(3) : upper
  return NAMES.has(name) || /^RTM(IN(\+\d{1,2})?|AX(-\d{1,2})?)$/.test(name) ? `SIG${name}` : null
}

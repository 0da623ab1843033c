const STEPS: readonly (readonly [unit: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
]

/** How long ago, in the largest unit that fits: `5s`, `3m`, `2h`, `4d`. `-` when it did not happen. */
export function age(at: number | null, now: number): string {
  if (at === null) return '-'
  const seconds = Math.max(0, Math.floor((now - at) / 1_000))
  const step = STEPS.find(([, length]) => seconds >= length)
  return step === undefined ? `${seconds}s` : `${Math.floor(seconds / step[1])}${step[0]}`
}

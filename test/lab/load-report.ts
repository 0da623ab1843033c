import type { Span } from './history.ts'

/** What became of one request. */
export interface Answer {
  /** When it was sent, in ms of the wall clock. */
  readonly at: number
  readonly ms: number
  /** 0: there was no answer, or not the whole of it in time. */
  readonly status: number
}

/** How users fared. */
export interface LoadReport {
  readonly asked: number
  readonly failed: number
  /** Of those that succeeded; 0 when none did. */
  readonly slowestMs: number
  /** Runs of failures: from the first that failed to the next that succeeded, or to the last. */
  readonly failures: readonly Span[]
}

/** Sums up answers, which may come in any order. Success is a status below 400. */
export function loadReport(answers: readonly Answer[]): LoadReport {
  const inOrder = answers.toSorted((a, b) => a.at - b.at)
  const failures: Span[] = []
  let from: number | null = null
  for (const answer of inOrder) {
    if (!succeeded(answer)) from ??= answer.at
    else if (from !== null) {
      failures.push({ from, until: answer.at })
      from = null
    }
  }
  const last = inOrder.at(-1)
  if (from !== null && last !== undefined) failures.push({ from, until: last.at })
  const good = inOrder.filter(succeeded)
  return {
    asked: inOrder.length,
    failed: inOrder.length - good.length,
    slowestMs: Math.max(0, ...good.map(({ ms }) => ms)),
    failures,
  }
}

/** Failures of each stretch of time, for a picture of how it went; stretches begin with the first request. */
export function failuresOverTime(answers: readonly Answer[], stretchMs: number): number[] {
  const start = Math.min(...answers.map(({ at }) => at))
  const counts: number[] = []
  for (const answer of answers) {
    const stretch = Math.floor((answer.at - start) / stretchMs)
    while (counts.length <= stretch) counts.push(0)
    if (!succeeded(answer)) counts[stretch] = (counts[stretch] ?? 0) + 1
  }
  return counts
}

function succeeded({ status }: Answer): boolean {
  return status > 0 && status < 400
}

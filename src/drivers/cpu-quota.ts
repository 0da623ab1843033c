const PERIOD_US = 100_000
/** Less than this in a period is refused by the kernel. */
const SHORTEST_QUOTA_US = 1_000

/**
 * A limit of processor time as the kernel takes it: so much in each period, both in microseconds. Shares below a
 * hundredth of a core get a longer period, as their part of the usual one would be refused.
 */
export function cpuQuota(cpuMillis: number): { readonly periodUs: number; readonly quotaUs: number } {
  const quotaUs = (cpuMillis * PERIOD_US) / 1000
  if (quotaUs >= SHORTEST_QUOTA_US) return { periodUs: PERIOD_US, quotaUs }
  return { periodUs: Math.ceil((SHORTEST_QUOTA_US * 1000) / cpuMillis), quotaUs: SHORTEST_QUOTA_US }
}

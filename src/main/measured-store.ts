import type { Store } from '../ports/store.ts'
import type { WireMetric } from '../transport/wire.ts'

/** Seconds. */
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5] as const
const NAME = 'gantry_store_commit_seconds'

/** A store that also says how long its commits take. */
export function measuredStore(store: Store): { readonly store: Store; readonly metrics: () => readonly WireMetric[] } {
  const within = BUCKETS.map(() => 0)
  let count = 0
  let sum = 0
  const record = (seconds: number): void => {
    count += 1
    sum += seconds
    BUCKETS.forEach((bound, i) => {
      if (seconds <= bound) within[i] = (within[i] ?? 0) + 1
    })
  }
  const commit: Store['commit'] = async (wanted) => {
    const began = performance.now()
    try {
      return await store.commit(wanted)
    } finally {
      record((performance.now() - began) / 1_000)
    }
  }
  const measured: Store = {
    kind: store.kind,
    load: () => store.load(),
    commit,
    watch: (after, onBatch, onGap) => store.watch(after, onBatch, onGap),
    campaign: (holder, signal) => store.campaign(holder, signal),
    close: () => store.close(),
  }
  const bucket = (le: string, value: number) => ({ name: `${NAME}_bucket`, labels: { le }, value })
  const samples = (): WireMetric['samples'] => [
    ...BUCKETS.map((bound, i) => bucket(String(bound), within[i] ?? 0)),
    bucket('+Inf', count),
    { name: `${NAME}_sum`, labels: {}, value: sum },
    { name: `${NAME}_count`, labels: {}, value: count },
  ]
  const help = 'How long commits to the store took.'
  return { store: measured, metrics: () => [{ name: NAME, type: 'histogram', help, samples: samples() }] }
}

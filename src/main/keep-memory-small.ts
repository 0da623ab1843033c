import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const EVERY_MS = 60_000
const FIRST_MS = 5_000
/** A collection stops everything: of so much for some 20 ms, and longer the more there is. */
const LARGEST_HEAP_BYTES = 64 * 1024 * 1024
/** Less than this is not worth the processor time of another collection, which looks at everything that is kept. */
const LEAST_GROWTH_BYTES = 2 * 1024 * 1024
/** Up to here the gaps are closed too, which gives back whole pages and takes twice as long. */
const SMALL_HEAP_BYTES = 32 * 1024 * 1024

interface HowToCollect {
  readonly type: 'major'
  readonly execution: 'sync'
  readonly flavor: 'regular' | 'last-resort'
}

/**
 * Gives back, now and then, what V8 would keep for long in a process that is idle most of the time: it collects when
 * much was made anew, and here that takes hours. Returns a function that ends it.
 */
export function keepMemorySmall(): () => void {
  // The only way to a collection from within; the function works on after the flag is taken back.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (how: HowToCollect) => void
  setFlagsFromString('--no-expose-gc')
  let kept = 0
  const release = (): void => {
    const used = usedBytes()
    if (used < kept + LEAST_GROWTH_BYTES || used > LARGEST_HEAP_BYTES) return
    collect({ type: 'major', execution: 'sync', flavor: used < SMALL_HEAP_BYTES ? 'last-resort' : 'regular' })
    kept = usedBytes()
  }
  const first = setTimeout(release, FIRST_MS)
  const again = setInterval(release, EVERY_MS)
  return () => {
    clearTimeout(first)
    clearInterval(again)
  }
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size
}

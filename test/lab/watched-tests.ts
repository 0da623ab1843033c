import { afterAll, onTestFailed } from 'vitest'
import { labTests, startLab } from './lab-tests.ts'
import { WatchedCluster } from './watched-cluster.ts'

const HOSTS = 8

/** Declares tests on one cluster of three servers and five agents; after one that failed the next gets a new one. */
export function watchedTests(declare: (bed: () => Promise<WatchedCluster>) => void): void {
  let bed: WatchedCluster | null = null
  const stop = async (): Promise<void> => {
    const old = bed
    bed = null
    await old?.stop()
    await old?.lab.stop()
  }
  afterAll(stop)
  labTests(() =>
    declare(async () => {
      onTestFailed(stop)
      bed ??= await WatchedCluster.start(await startLab({ hosts: HOSTS }))
      return bed
    }),
  )
}

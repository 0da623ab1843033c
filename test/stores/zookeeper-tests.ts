import { existsSync } from 'node:fs'
import { test } from 'vitest'
import { ZOOKEEPER_NEEDS } from './zookeeper.ts'

/** Declares tests that need ZooKeeper. Where there is none, one skipped test tells how to get it; in CI that is a failure. */
export function zookeeperTests(declare: () => void): void {
  const reason =
    'needs ZooKeeper; enable with: sudo apt-get install --no-install-recommends default-jre-headless zookeeper'
  if (ZOOKEEPER_NEEDS.every((file) => existsSync(file))) declare()
  else if (process.env['CI']) throw new Error(reason)
  else test.skip(reason)
}

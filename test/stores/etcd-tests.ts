import { existsSync } from 'node:fs'
import { afterAll, beforeAll, onTestFinished, test } from 'vitest'
import { ETCD_PROGRAM, TestEtcd } from './etcd.ts'

/** Declares tests that need etcd. Where there is none, one skipped test tells how to get it; in CI that is a failure. */
export function etcdTests(declare: () => void): void {
  const reason = 'needs etcd; enable with: sudo apt-get install --no-install-recommends etcd-server'
  if (existsSync(ETCD_PROGRAM)) declare()
  else if (process.env['CI']) throw new Error(reason)
  else test.skip(reason)
}

/** One etcd for all tests of a file: it is there from the first of them to the last. */
export function sharedEtcd(): () => TestEtcd {
  let started: TestEtcd | null = null
  beforeAll(async () => {
    started = await TestEtcd.start()
  })
  afterAll(() => started?.stop())
  return () => {
    if (started === null) throw new Error('etcd is there while tests run')
    return started
  }
}

/** An etcd that ends with the test; arguments are those of `TestEtcd.start`. */
export async function anEtcd(...args: Parameters<typeof TestEtcd.start>): Promise<TestEtcd> {
  const etcd = await TestEtcd.start(...args)
  onTestFinished(() => etcd.stop())
  return etcd
}

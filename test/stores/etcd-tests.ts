import { existsSync } from 'node:fs'
import { test } from 'vitest'
import { ETCD_PROGRAM } from './etcd.ts'

/** Declares tests that need etcd. Where there is none, one skipped test tells how to get it; in CI that is a failure. */
export function etcdTests(declare: () => void): void {
  const reason = 'needs etcd; enable with: sudo apt-get install --no-install-recommends etcd-server'
  if (existsSync(ETCD_PROGRAM)) declare()
  else if (process.env['CI']) throw new Error(reason)
  else test.skip(reason)
}

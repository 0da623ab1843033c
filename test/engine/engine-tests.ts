import { inject, test } from 'vitest'
import { TestEngine } from './engine.ts'
import type {} from './setup.ts'

/** Declares tests that need an engine. Where there is none, one skipped test tells why and how to get one. */
export function engineTests(declare: (engine: TestEngine) => void): void {
  const engine = inject('engine')
  if (engine.kind === 'present') declare(TestEngine.at(engine.directory))
  else test.skip(`needs a Docker Engine: ${engine.reason}`)
}

import { existsSync } from 'node:fs'
import type { TestProject } from 'vitest/node'
import { TestEngine } from './engine.ts'
import { buildImages } from './images.ts'

/** What the tests learn of the engine that was started for the run. */
export type ProvidedEngine =
  | { readonly kind: 'present'; readonly directory: string }
  | { readonly kind: 'absent'; readonly reason: string }

declare module 'vitest' {
  export interface ProvidedContext {
    engine: ProvidedEngine
  }
}

const PROGRAMS = [
  { program: '/usr/sbin/dockerd', from: 'docker.io' },
  { program: '/bin/busybox', from: 'busybox-static' },
  { program: '/usr/sbin/nginx', from: 'nginx-light' },
  { program: '/usr/sbin/iptables', from: 'iptables' },
  { program: '/usr/bin/docker-registry', from: 'docker-registry' },
  { program: '/usr/bin/htpasswd', from: 'apache2-utils' },
  { program: '/usr/bin/redis-check-rdb', from: 'redis-tools' },
]

/**
 * Starts one engine for all tests of the run. Where none can be had the tests are skipped with the reason, except in CI:
 * there it is a failure, or nobody would notice that nothing was tested.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const reason = whyNot()
  if (reason !== null) {
    if (process.env['CI']) throw new Error(`the engine tests cannot run: ${reason}`)
    process.stderr.write(`Tests that need a Docker Engine are skipped: ${reason}\n`)
    project.provide('engine', { kind: 'absent', reason })
    return async () => undefined
  }
  const engine = await TestEngine.start()
  try {
    await buildImages(engine.socket, engine.directory)
  } catch (error) {
    await engine.stop()
    throw error
  }
  project.provide('engine', { kind: 'present', directory: engine.directory })
  return () => engine.stop()
}

function whyNot(): string | null {
  const missing = PROGRAMS.filter(({ program }) => !existsSync(program)).map(({ from }) => from)
  if (missing.length > 0) {
    return `the Debian packages ${missing.join(', ')} are missing; enable them with: sudo apt-get install --no-install-recommends ${missing.join(' ')}`
  }
  return process.getuid?.() === 0 ? null : 'an engine of our own needs root; enable them with: sudo npm test'
}

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { makeEngineImages } from './engine-images.ts'
import { faketimeLibrary } from './process-faults.ts'

/** What the tests learn of this machine. */
export type ProvidedLab =
  | { readonly kind: 'possible'; readonly images: string }
  | { readonly kind: 'impossible'; readonly reason: string }

declare module 'vitest' {
  export interface ProvidedContext {
    lab: ProvidedLab
  }
}

const PROGRAMS = [
  { program: '/usr/sbin/dockerd', from: 'docker.io' },
  { program: '/usr/bin/nsenter', from: 'util-linux' },
  { program: '/sbin/ip', from: 'iproute2' },
  { program: '/usr/sbin/nft', from: 'nftables' },
  { program: '/usr/sbin/iptables', from: 'iptables' },
  { program: '/usr/bin/strace', from: 'strace' },
  { program: '/bin/busybox', from: 'busybox-static' },
  { program: '/usr/sbin/nginx', from: 'nginx-light' },
  { program: '/usr/bin/systemd-analyze', from: 'systemd' },
]

/**
 * Builds the images of all labs of the run once. Where no lab can be had the tests are skipped with the reason, except in
 * CI: there it is a failure, or nobody would notice that nothing was tested.
 */
export async function setup(project: TestProject): Promise<() => void> {
  const reason = whyNot()
  if (reason !== null) {
    if (process.env['CI']) throw new Error(`the lab's tests cannot run: ${reason}`)
    process.stderr.write(`Tests that need several hosts are skipped: ${reason}\n`)
    project.provide('lab', { kind: 'impossible', reason })
    return () => undefined
  }
  const images = mkdtempSync(join(tmpdir(), 'gantry-lab-images-'))
  const remove = (): void => rmSync(images, { recursive: true, force: true })
  try {
    await makeEngineImages(images)
  } catch (error) {
    remove()
    throw error
  }
  project.provide('lab', { kind: 'possible', images })
  return remove
}

function whyNot(): string | null {
  const missing = PROGRAMS.filter(({ program }) => !existsSync(program)).map(({ from }) => from)
  if (faketimeLibrary() === null) missing.push('libfaketime')
  if (missing.length > 0) {
    const packages = missing.join(' ')
    return `the Debian packages ${packages} are missing; enable them with: sudo apt-get install --no-install-recommends ${packages}`
  }
  return process.getuid?.() === 0
    ? null
    : 'engines and namespaces of our own need root; enable them with: sudo npm test'
}

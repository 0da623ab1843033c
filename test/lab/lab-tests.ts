import { inject, onTestFinished, test } from 'vitest'
import { Lab, type LabOptions } from './lab.ts'
import type {} from './setup.ts'

/** Starts a lab that ends with the test. */
export type StartLab = (options: Omit<LabOptions, 'images'>) => Promise<Lab>

/** Declares tests that need several hosts. Where none can be had, one skipped test tells why and how to get them. */
export function labTests(declare: (start: StartLab) => void): void {
  const lab = inject('lab')
  if (lab.kind === 'impossible') return void test.skip(`needs a lab: ${lab.reason}`)
  declare(async (options) => {
    const started = await startLab(options)
    onTestFinished(() => started.stop())
    return started
  })
}

/** Starts a lab on the images of the run; whoever asks for it stops it. */
export async function startLab(options: Omit<LabOptions, 'images'>): Promise<Lab> {
  const lab = inject('lab')
  if (lab.kind === 'impossible') throw new Error(lab.reason)
  return Lab.start({ ...options, images: lab.images })
}

import * as z from 'zod'
import { cpusForm, key, sizeForm, wholeNumber } from './schema-key.ts'

const weight = { cpuShares: wholeNumber(0, 262_144), blkioWeight: wholeNumber(0, 1000) }
const cpuset = z.string().regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/)
const swapForm = z.union([wholeNumber(-1, Number.MAX_SAFE_INTEGER), z.string().min(1)])
const swappiness = wholeNumber(0, 100)

/** Limits by our names. */
export const limitKeys = {
  cpus: key(cpusForm, 'Processor time in cores (`0.5`) or millicores (`500m`).', { absent: 'no limit' }),
  cpu_millicores: key(wholeNumber(1, 1_024_000), 'The same in thousandths of a core.', {
    spelling: 'another form of `cpus`',
  }),
  memory: key(sizeForm, 'Memory with a unit (`512m`), or percent of the node’s (`50%`).', { absent: 'no limit' }),
  memory_bytes: key(wholeNumber(1, Number.MAX_SAFE_INTEGER), 'The same in bytes.', {
    spelling: 'another form of `memory`',
  }),
  memory_swap: key(swapForm, 'Memory and swap together; -1: unlimited swap.', { absent: 'the engine’s' }),
  kernel_memory: key(sizeForm, 'Kernel memory.', { absent: 'no limit' }),
  memory_swappiness: key(swappiness, 'How readily the kernel swaps, 0 to 100.', { absent: 'the engine’s' }),
  cpu_shares: key(weight.cpuShares, 'Weight when processors are short.', { absent: 'the engine’s' }),
  cpuset_cpus: key(z.union([cpuset, z.int().min(0)]), 'Processors that may be used (`0-2,4`).', { absent: 'all' }),
  blkio_weight: key(weight.blkioWeight, 'Weight of disk access, 10 to 1000; 0: the engine’s.', {
    absent: 'the engine’s',
  }),
}

/** The same limits in Clusterlite's spelling. */
export const kebabLimitKeys = {
  'memory-swap': key(swapForm, 'The same.', { spelling: 'Clusterlite’s `memory_swap`' }),
  'kernel-memory': key(sizeForm, 'The same.', { spelling: 'Clusterlite’s `kernel_memory`' }),
  'memory-swappiness': key(swappiness, 'The same.', { spelling: 'Clusterlite’s `memory_swappiness`' }),
  'cpu-shares': key(weight.cpuShares, 'The same.', { spelling: 'Clusterlite’s `cpu_shares`' }),
  'cpuset-cpus': key(z.union([cpuset, z.int().min(0)]), 'The same.', { spelling: 'Clusterlite’s `cpuset_cpus`' }),
  'blkio-weight': key(weight.blkioWeight, 'The same.', { spelling: 'Clusterlite’s `blkio_weight`' }),
}

export const limitsForm = z.strictObject({ ...limitKeys, ...kebabLimitKeys })
export type LimitsForm = z.infer<typeof limitsForm>

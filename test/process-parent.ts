import { argv } from 'node:process'
import type { ContainerOrder } from '../src/ports/runtime.ts'
import { ProcessBed, startProcess } from './process-bed.ts'

// Starts one process, says its id, and stays until it is killed.
const [, , dataDir = '', order = ''] = argv
const runtime = new ProcessBed(dataDir).runtime()
console.log(await startProcess(runtime, JSON.parse(order) as ContainerOrder))

import { runtimeContract } from '../contract/runtime.contract.ts'
import { simulatedRuntime } from './runtime-bed.ts'

runtimeContract(async () => simulatedRuntime('process'), { images: 'a process has no image' })

import { runtimeContract } from '../contract/runtime.contract.ts'
import { simulatedRuntime } from './runtime-bed.ts'

runtimeContract(async () => simulatedRuntime('docker'))

import { storeContract } from '../../test/contract/store.contract.ts'
import { MemoryStore } from './memory.ts'

storeContract('memory', async () => ({ store: new MemoryStore(), dispose: async () => undefined }))

import { createRng } from '../../src/lib/rng.ts'
import { storeContract } from '../contract/store.contract.ts'
import { VirtualClock } from './clock.ts'
import { Faults } from './faults.ts'
import { Mortal } from './mortal.ts'
import { SimNetwork } from './network.ts'
import { SimStore } from './store.ts'
import { StoreBackend } from './store-backend.ts'

storeContract('simulated', async () => {
  const clock = new VirtualClock({ guarded: false })
  const backend = new StoreBackend(createRng(1), new Faults(), () => undefined)
  let open = true
  // The contract waits for what the store says, so time must go on by itself.
  const passing = (async (): Promise<void> => {
    while (open) await clock.runUntil(clock.now() + 1_000, () => open)
  })()
  return {
    store: new SimStore(backend, new Mortal('server', clock), clock, 'server-1', new SimNetwork(clock)),
    dispose: async () => {
      open = false
      await passing
    },
  }
})

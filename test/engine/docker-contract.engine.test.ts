import { runtimeContract } from '../contract/runtime.contract.ts'
import { DockerWorld } from './docker-world.ts'
import { engineTests } from './engine-tests.ts'

engineTests((engine) => {
  runtimeContract(() => DockerWorld.open(engine.host))
})

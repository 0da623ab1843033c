import { existsSync } from 'node:fs'
import { OperationalError } from '../../core/errors.ts'
import type { RuntimeDescription } from '../../core/model/node.ts'
import { type EngineFacts, type KernelFacts, unsupportedFields } from './abilities.ts'
import type { EngineConnection } from './connection.ts'
import type { VersionJson } from './version.ts'

const V1_WEIGHTS = ['/sys/fs/cgroup/blkio/blkio.weight', '/sys/fs/cgroup/blkio/blkio.bfq.weight']

/** Describes the engine; when it does not answer, with the reason. */
export async function describeEngine(connection: EngineConnection): Promise<RuntimeDescription> {
  try {
    const doing = 'describe the engine'
    const [version, facts] = await Promise.all([
      connection.call({ method: 'GET', path: '/version', doing }),
      connection.call({ method: 'GET', path: '/info', doing }),
    ])
    const engine = (facts.body ?? {}) as EngineFacts
    return {
      kind: 'docker',
      available: true,
      version: ((version.body ?? {}) as VersionJson).Version ?? '',
      message: '',
      unsupported: unsupportedFields(engine, kernelFacts(connection, engine)),
    }
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    const message = error.hint === '' ? error.message : `${error.message} (${error.hint})`
    return { kind: 'docker', available: false, version: '', message, unsupported: {} }
  }
}

function kernelFacts({ address }: EngineConnection, engine: EngineFacts): KernelFacts {
  const here = address.startsWith('unix:') && engine.CgroupVersion !== '2'
  return { blkioWeight: here ? V1_WEIGHTS.some((path) => existsSync(path)) : null }
}

import { Server, type ServerDeps } from '../src/control/server.ts'
import type { Cluster } from '../src/core/model/cluster.ts'
import { LEVEL } from '../src/core/model/level.ts'
import { VIGILANCES } from '../src/core/node/vigilance.ts'
import type { Strategy } from '../src/core/schedule/strategy.ts'
import { createRng } from '../src/lib/rng.ts'
import { backupTools } from './memory-shelf.ts'
import { SILENT } from './silent-log.ts'

/** The cluster of every server that is made here. */
export const BED_CLUSTER = '0123456789abcdef'

/** A server that has begun to lead; every machine answers it, unless `deps` say otherwise. */
export async function aLeader(
  deps: Pick<ServerDeps, 'store' | 'clock' | 'certifier'> & Partial<Pick<ServerDeps, 'reach'>>,
  strategy: Strategy,
  cluster: Partial<Cluster> = {},
): Promise<Server> {
  const { clock } = deps
  const server = new Server({
    reach: { answers: async () => true, knock: async () => 'open' },
    ...deps,
    rng: createRng(1),
    log: SILENT,
    backups: backupTools(),
    config: {
      ...{ name: 'test', address: null, strategy, preferRegion: null, version: '0.1.0', level: LEVEL },
      vigilance: VIGILANCES.normal,
      newCluster: () => ({ id: BED_CLUSTER, name: 'test', incarnation: 1, createdAt: clock.now(), ...cluster }),
    },
  })
  await server.start()
  await server.untilLeading()
  return server
}

import { Server } from '../src/control/server.ts'
import { LEVEL } from '../src/core/model/level.ts'
import { VIGILANCES } from '../src/core/node/vigilance.ts'
import { systemClock } from '../src/drivers/clock.ts'
import { tcpReach } from '../src/drivers/reach.ts'
import { systemRng } from '../src/drivers/rng.ts'
import type { Store } from '../src/ports/store.ts'
import { backupTools } from '../test/memory-shelf.ts'
import { SILENT } from '../test/silent-log.ts'

/** A server without a certificate authority, dialled at a port of this machine; resolves when it leads. */
export async function leadingServer(store: Store, clusterId: string, name: string, port: string): Promise<Server> {
  const clock = systemClock()
  const server = new Server({
    ...{ store, clock, rng: systemRng(), log: SILENT, reach: tcpReach() },
    certifier: () => null,
    backups: backupTools(),
    config: {
      name,
      address: `127.0.0.1:${port}`,
      newCluster: () => ({ id: clusterId, name: 'bench', incarnation: 1, createdAt: clock.now() }),
      strategy: 'spread',
      vigilance: VIGILANCES.normal,
      preferRegion: null,
      version: 'bench',
      level: LEVEL,
    },
  })
  await server.start()
  await server.untilLeading()
  return server
}

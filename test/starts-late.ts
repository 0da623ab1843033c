import { argv } from 'node:process'
import { VIGILANCES } from '../src/core/node/vigilance.ts'
import { startNode } from '../src/main/node-process.ts'
import { SILENT } from './silent-log.ts'

// Starts a server whose link cannot listen, says why it failed, and ends by itself once nothing of it is left.
const [, , dataDir = '', port = ''] = argv
const agent = { name: 's1', placement: 'default', publicAddress: null, region: null, zone: null, labels: {} }
const surroundings = { runtimes: ['process'], dockerHost: '', version: '1.0.0', clusterName: 'late' } as const
await startNode(
  {
    ...{ ...agent, ...surroundings, dataDir, strategy: 'spread', store: { kind: 'memory' } },
    ...{ vigilance: VIGILANCES.normal, preferRegion: null, join: null, apiHost: null, furtherNodes: [] },
    link: { host: '127.0.0.1', port: Number(port), advertise: '127.0.0.1', discovery: null },
  },
  SILENT,
).catch((error: Error) => console.log(error.message))

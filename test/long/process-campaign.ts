import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { commandLine, processStat, readProc } from '../../src/drivers/process/proc.ts'
import type { Gantry } from '../system/gantry.ts'
import type { Campaign, Truth } from './kill-campaign.ts'

/** Supervised processes: Gantry itself is the only victim. */
export const processCampaign: Campaign = {
  name: 'processes',
  env: { GANTRY_RUNTIME: 'process' },
  manifest: (version, replicas) => `services:
  web:
    replicas: ${replicas}
    restart_policy: always
    command: [node, -e, "require('http').createServer((q, s) => s.end('${version}')).listen(process.env.PORT)"]
    env: { VERSION: "${version}" }
    ports: [8080]
    stop_grace_period: 1s
    health_check: { type: http, http_path: /, port: 8080, interval: 1, timeout: 1, retries: 3 }
  sleeper:
    replicas: 2
    restart_policy: always
    command: [sleep, "${100_000 + version}"]
    stop_grace_period: 1s
`,
  truth: async (gantry) => processTruth(gantry),
  engine: null,
}

/** Programs carry their task's id in their environment; whose they are is told by the node's data directory. */
function processTruth(gantry: Gantry): Truth {
  const directory = join(gantry.dataDir, 'processes')
  return {
    running: async () => programs(directory).map(({ task }) => task),
    present: async () => (existsSync(directory) ? readdirSync(directory).map((name) => name.split('@')[0] ?? '') : []),
  }
}

function programs(directory: string): readonly { readonly task: string }[] {
  const found: { task: string }[] = []
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const [program = ''] = commandLine(pid)
    if (program !== 'node' && program !== 'sleep') continue
    const environ = (readProc(`${pid}/environ`) ?? '').split('\0')
    const task = environ.find((entry) => entry.startsWith('GANTRY_TASK='))?.slice('GANTRY_TASK='.length)
    const home = environ.find((entry) => entry.startsWith('HOME='))?.slice('HOME='.length) ?? ''
    const hasEnded = (processStat(pid)?.state ?? 'Z') === 'Z'
    if (task !== undefined && !hasEnded && home.startsWith(directory)) found.push({ task })
  }
  return found
}

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      if (argv[0] !== 'node' && argv[0] !== 'sleep') continue
      const environ = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
      const task = environ.find((entry) => entry.startsWith('GANTRY_TASK='))?.slice('GANTRY_TASK='.length)
      const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0]
      const home = environ.find((entry) => entry.startsWith('HOME='))?.slice('HOME='.length) ?? ''
      if (task !== undefined && state !== 'Z' && home.startsWith(directory)) found.push({ task })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

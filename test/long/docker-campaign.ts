import { request } from 'node:http'
import { join } from 'node:path'
import { createClient } from '../../src/transport/client.ts'
import { TestEngine } from '../engine/engine.ts'
import { BUSYBOX_IMAGE, buildImages } from '../engine/images.ts'
import type { Gantry } from '../system/gantry.ts'
import type { Campaign, Truth } from './kill-campaign.ts'

/** Containers of a real engine with live-restore; Gantry, the engine, or both are killed. */
export async function dockerCampaign(): Promise<{ campaign: Campaign; close: () => Promise<void> }> {
  const engine = await TestEngine.start()
  await buildImages(engine.socket, engine.directory)
  const campaign: Campaign = {
    name: 'docker',
    env: { GANTRY_RUNTIME: 'docker', DOCKER_HOST: engine.host },
    manifest: (version, replicas) => `services:
  web:
    image: ${BUSYBOX_IMAGE}
    replicas: ${replicas}
    restart_policy: always
    command: [httpd, -f, -p, "8080"]
    env: { VERSION: "${version}" }
    ports: [8080]
    stop_signal: SIGKILL
    health_check: { type: tcp, port: 8080, interval: 1, timeout: 1, retries: 3 }
  sleeper:
    image: ${BUSYBOX_IMAGE}
    replicas: 2
    restart_policy: always
    network_mode: host
    stop_signal: SIGKILL
    command: [sleep, "${100_000 + version}"]
`,
    truth: (gantry) => dockerTruth(gantry, engine),
    engine: { name: 'engine', kill: () => engine.kill(), restore: () => engine.launch() },
  }
  return { campaign, close: () => engine.stop() }
}

interface Listed {
  readonly State: string
  readonly Labels: Readonly<Record<string, string>>
}

async function dockerTruth(gantry: Gantry, engine: TestEngine): Promise<Truth> {
  const { cluster } = await createClient({ socketPath: join(gantry.dataDir, 'gantry.sock') }).cluster()
  const ours = async (): Promise<readonly Listed[]> => {
    const all = await list(engine.socket)
    return all.filter(({ Labels }) => Labels['gantry.cluster'] === cluster.id)
  }
  const taskOf = ({ Labels }: Listed): string => Labels['gantry.task'] ?? ''
  return {
    running: async () => (await ours()).filter(({ State }) => State === 'running').map(taskOf),
    present: async () => (await ours()).map(taskOf),
  }
}

function list(socketPath: string): Promise<readonly Listed[]> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/containers/json?all=true', agent: false }, (response) => {
      let text = ''
      response.on('data', (data: Buffer) => {
        text += data.toString()
      })
      response.on('end', () => resolve(JSON.parse(text) as Listed[]))
    })
    asked.once('error', reject)
    asked.end()
  })
}

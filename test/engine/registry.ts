import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { parseEngineAddress } from '../../src/drivers/docker/address.ts'
import { EngineConnection } from '../../src/drivers/docker/connection.ts'
import { runProgram } from './run-program.ts'

export interface Login {
  readonly username: string
  readonly password: string
}

const START_MS = 20_000

/** A real image registry on loopback, for the time of a test. */
export class TestRegistry {
  /** `127.0.0.1:port`, as it stands before the names of its images. */
  readonly address: string
  readonly #directory: string
  readonly #stop: () => Promise<void>

  private constructor(address: string, directory: string, stop: () => Promise<void>) {
    this.address = address
    this.#directory = directory
    this.#stop = stop
  }

  /** Without a login it is open to all. */
  static async start(port: number, login: Login | null): Promise<TestRegistry> {
    const directory = mkdtempSync(join(tmpdir(), 'gantry-registry-'))
    const config = join(directory, 'config.yml')
    const htpasswd = join(directory, 'htpasswd')
    if (login !== null) await runProgram(['htpasswd', '-Bbc', htpasswd, login.username, login.password])
    writeFileSync(config, JSON.stringify(registryConfig(port, join(directory, 'images'), login && htpasswd)))
    const log = openSync(join(directory, 'log'), 'a')
    const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', log, log] })
    const ended = once(child, 'exit')
    const registry = new TestRegistry(`127.0.0.1:${port}`, directory, async () => {
      child.kill()
      await ended
    })
    await registry.#untilUp()
    return registry
  }

  /** Puts an image that the engine has into this registry and returns its name there. The engine no longer has that name. */
  async push(host: string, image: string, name: string, login: Login | null): Promise<string> {
    const engine = new EngineConnection(parseEngineAddress(host))
    const repo = `${this.address}/${name}`
    const doing = `push ${repo}`
    const auth = Buffer.from(JSON.stringify(login ?? {})).toString('base64')
    await engine.call({ method: 'POST', path: `/images/${image}/tag`, query: { repo, tag: '1' }, doing })
    const headers = { 'X-Registry-Auth': auth }
    const answer = await engine.stream({
      method: 'POST',
      path: `/images/${repo}/push`,
      query: { tag: '1' },
      headers,
      doing,
    })
    const said = await text(answer)
    if (said.includes('"error"')) throw new Error(said)
    await engine.call({ method: 'DELETE', path: `/images/${repo}:1`, doing })
    engine.close()
    return `${repo}:1`
  }

  async stop(): Promise<void> {
    await this.#stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #untilUp(): Promise<void> {
    for (const deadline = Date.now() + START_MS; Date.now() < deadline; await pause(30)) {
      const answers = await fetch(`http://${this.address}/v2/`).then(
        () => true,
        () => false,
      )
      if (answers) return
    }
    throw new Error('the registry does not start')
  }
}

/** YAML takes JSON as it is. */
function registryConfig(port: number, rootdirectory: string, htpasswd: string | null): object {
  return {
    version: 0.1,
    storage: { filesystem: { rootdirectory } },
    http: { addr: `127.0.0.1:${port}` },
    ...(htpasswd === null ? {} : { auth: { htpasswd: { realm: 'test', path: htpasswd } } }),
  }
}

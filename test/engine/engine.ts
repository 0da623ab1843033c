import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { processStat, readProc } from '../../src/drivers/process/proc.ts'
import { runProgram } from './run-program.ts'

const PREFIX = 'gantry-engine-'
const START_MS = 60_000
const STOP_MS = 20_000

/**
 * A Docker Engine of the tests' own: with its socket, data, network bridge and container supervisor in one directory,
 * it shares nothing with another engine on the machine, and sets no firewall rules.
 */
export class TestEngine {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Starts a new one, after clearing away what runs that were killed have left. */
  static async start(): Promise<TestEngine> {
    await clearLeftovers()
    const directory = mkdtempSync(join(tmpdir(), PREFIX))
    const engine = new TestEngine(directory)
    writeFileSync(join(directory, 'owner'), `${process.pid} ${startOf(process.pid)}`)
    try {
      await engine.#makeBridge()
      await engine.launch()
    } catch (error) {
      await engine.stop()
      throw error
    }
    return engine
  }

  /** The one in this directory, started by another process. */
  static at(directory: string): TestEngine {
    return new TestEngine(directory)
  }

  get socket(): string {
    return join(this.directory, 'engine.sock')
  }

  /** As in DOCKER_HOST. */
  get host(): string {
    return `unix://${this.socket}`
  }

  get pid(): number | null {
    return readPid(join(this.directory, 'engine.pid'))
  }

  get #supervisorFile(): string {
    return join(this.directory, 'exec/containerd/containerd.pid')
  }

  get #supervisor(): number | null {
    return readPid(this.#supervisorFile)
  }

  /** Starts the engine's process, and resolves when it answers. */
  async launch(): Promise<void> {
    const log = openSync(join(this.directory, 'engine.log'), 'a')
    // What killed processes left would be taken for running ones, above all where nobody reaps the dead.
    rmSync(join(this.directory, 'engine.pid'), { force: true })
    if (this.#supervisor === null) rmSync(this.#supervisorFile, { force: true })
    const child = spawn('dockerd', this.#flags(), { stdio: ['ignore', log, log], detached: true })
    const died = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => resolve(`it ended with ${code ?? signal}`))
    })
    child.unref()
    const reason = await Promise.race([died, this.#answering()])
    if (reason !== null) throw new Error(`dockerd does not start: ${reason}\n${this.#lastWords()}`)
  }

  /** Ends the engine's process, and its supervisor's with it, as a crash would; containers go on. */
  async kill(): Promise<void> {
    for (const pid of [this.pid, this.#supervisor]) if (pid !== null) await end(pid, 'SIGKILL')
  }

  /** Ends everything and leaves nothing. Does no harm when repeated. */
  async stop(): Promise<void> {
    if (this.pid !== null) await end(this.pid, 'SIGTERM')
    if (this.#supervisor !== null) await end(this.#supervisor, 'SIGTERM')
    const supervisors = processesOf(this.directory)
    // First processes of containers: they would go on without anybody to look after them.
    for (const left of [...supervisors, ...childrenOf(supervisors)]) await end(left, 'SIGKILL')
    for (const mount of mountsBelow(this.directory)) await runProgram(['umount', '--lazy', mount])
    for (const bridge of await this.#bridges()) await runProgram(['ip', 'link', 'delete', bridge])
    rmSync(this.directory, { recursive: true, force: true })
  }

  #flags(): string[] {
    const { directory } = this
    return [
      ['--host', this.host],
      ['--data-root', join(directory, 'data')],
      ['--exec-root', join(directory, 'exec')],
      ['--pidfile', join(directory, 'engine.pid')],
      ['--config-file', join(directory, 'daemon.json')],
      ['--bridge', this.#bridge],
      ['--live-restore'],
      ['--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false'],
    ].flat()
  }

  get #bridge(): string {
    return `gtest${this.directory.slice(-6)}`
  }

  async #makeBridge(): Promise<void> {
    mkdirSync(join(this.directory, 'exec'))
    writeFileSync(join(this.directory, 'daemon.json'), '{}')
    await runProgram(['ip', 'link', 'add', this.#bridge, 'type', 'bridge'])
    await runProgram(['ip', 'address', 'add', `${await freeSubnet()}.1/24`, 'dev', this.#bridge])
    await runProgram(['ip', 'link', 'set', this.#bridge, 'up'])
  }

  /** Ours, and those that the engine has made for named networks. */
  async #bridges(): Promise<readonly string[]> {
    const links = JSON.parse(await runProgram(['ip', '-json', 'link', 'show', 'type', 'bridge'])) as {
      ifname?: string
    }[]
    const networks = join(this.directory, 'data/network/files/local-kv.db')
    const known = existsSync(networks) ? readFileSync(networks, 'latin1') : ''
    const isOurs = (name: string): boolean =>
      name === this.#bridge || (name.startsWith('br-') && known.includes(name.slice(3)))
    return links.map(({ ifname = '' }) => ifname).filter(isOurs)
  }

  async #answering(): Promise<string | null> {
    for (const deadline = Date.now() + START_MS; Date.now() < deadline; await pause(50)) {
      if (await this.#answers()) return null
    }
    return `no answer in ${START_MS / 1000} s`
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const asked = request({ socketPath: this.socket, path: '/_ping', agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      })
      asked.once('error', () => resolve(false))
      asked.end()
    })
  }

  #lastWords(): string {
    return readFileSync(join(this.directory, 'engine.log'), 'utf8').split('\n').slice(-8).join('\n')
  }
}

/** Ends the engines of test runs that are no more. */
async function clearLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = join(tmpdir(), name, 'owner')
    if (!name.startsWith(PREFIX) || !existsSync(owner)) continue
    const [pid = '', start = ''] = readFileSync(owner, 'utf8').split(' ')
    if (startOf(Number(pid)) !== start) await TestEngine.at(join(tmpdir(), name)).stop()
  }
}

/** The first three numbers of a range that no interface of this machine has. */
async function freeSubnet(): Promise<string> {
  const taken = await runProgram(['ip', '-4', 'address', 'show'])
  for (let i = 0; i < 200; i++) {
    const subnet = `10.213.${i}`
    if (!taken.includes(`${subnet}.`)) return subnet
  }
  throw new Error('every range of 10.213.0.0/16 is taken')
}

function readPid(path: string): number | null {
  if (!existsSync(path)) return null
  const pid = Number(readFileSync(path, 'utf8'))
  return isAlive(pid) ? pid : null
}

async function end(pid: number, signal: NodeJS.Signals): Promise<void> {
  for (const next of [signal, 'SIGKILL'] as const) {
    if (!isAlive(pid)) return
    process.kill(pid, next)
    for (const deadline = Date.now() + STOP_MS; isAlive(pid) && Date.now() < deadline; ) await pause(20)
  }
}

/** A zombie has ended. */
function isAlive(pid: number): boolean {
  const stat = processStat(pid)
  return stat !== null && stat.state !== 'Z'
}

/** When it started, in ticks since boot: a pid alone may be given again. */
function startOf(pid: number): string {
  return `${processStat(pid)?.startTicks ?? ''}`
}

/** Supervisors of containers: they name the engine's directory in their arguments. */
function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && argumentsOf(pid).includes(`${directory}/`))
    .filter((pid) => /^(?:\S*\/)?(?:containerd|dockerd|docker-proxy)/.test(argumentsOf(pid)))
}

function childrenOf(parents: readonly number[]): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => parents.includes(parentOf(pid)))
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readProc(`${pid}/status`) ?? '')?.[1] ?? 0)
}

function argumentsOf(pid: number): string {
  return readProc(`${pid}/cmdline`) ?? ''
}

/** Deepest first. */
function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${directory}/`))
    .reverse()
}

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../free-port.ts'

const JAVA = '/usr/bin/java'
/** Where Debian puts ZooKeeper; its manifest names the other libraries, but forgets two of those that TLS needs. */
const CLASS_PATH = [
  '/usr/share/java/zookeeper.jar',
  '/usr/share/java/zookeeper-jute.jar',
  '/usr/share/java/slf4j-simple.jar',
  '/usr/share/java/netty-codec.jar',
  '/usr/share/java/netty-resolver.jar',
]
/** Files without which no server can be started. */
export const ZOOKEEPER_NEEDS = [JAVA, ...CLASS_PATH] as const
const MAIN = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'
const START_MS = 60_000
const ANSWER_MS = 1_000
/** A short tick allows short sessions: the shortest is two ticks. */
const TICK_MS = 200

export interface ServerSettings {
  /** Makes it listen on a second port, for TLS, and trust only this certificate; texts in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** A ZooKeeper server of the tests' own, alone, on a free port of the loopback, with its data in a directory of its own. */
export class TestZooKeeper {
  readonly port: number
  readonly #securePort: number
  readonly #directory: string
  readonly #settings: ServerSettings
  #process: ChildProcess | null = null

  private constructor(directory: string, ports: readonly [number, number], settings: ServerSettings) {
    this.#directory = directory
    this.port = ports[0]
    this.#securePort = ports[1]
    this.#settings = settings
  }

  static async start(settings: ServerSettings = {}): Promise<TestZooKeeper> {
    const directory = mkdtempSync(join(tmpdir(), 'gantry-zookeeper-'))
    const server = new TestZooKeeper(directory, [await freePort(), await freePort()], settings)
    try {
      await server.launch()
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  /** As a store wants it. */
  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  /** The same, over TLS. */
  get secureHost(): string {
    return `127.0.0.1:${this.#securePort}`
  }

  /** Starts the process on the data that is there, and resolves when it answers. */
  async launch(): Promise<void> {
    const configuration = join(this.#directory, 'zoo.cfg')
    mkdirSync(join(this.#directory, 'data'), { recursive: true })
    writeFileSync(configuration, this.#configuration().join('\n'))
    const log = openSync(join(this.#directory, 'server.log'), 'a')
    const classPath = [this.#directory, ...CLASS_PATH].join(':')
    const child = spawn(JAVA, [...JVM, '-cp', classPath, MAIN, configuration], { stdio: ['ignore', log, log] })
    this.#process = child
    const died = once(child, 'exit').then(([code, signal]) => `it ended with ${code ?? signal}`)
    const failure = await Promise.race([died, this.#answering()])
    if (failure !== null) throw new Error(`ZooKeeper does not start: ${failure}\n${this.#lastWords()}`)
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** Stops the process where it is, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  /** Ends it and leaves nothing. */
  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #configuration(): readonly string[] {
    return [
      `tickTime=${TICK_MS}`,
      `dataDir=${join(this.#directory, 'data')}`,
      `clientPort=${this.port}`,
      'clientPortAddress=127.0.0.1',
      'admin.enableServer=false',
      'maxClientCnxns=0',
      '4lw.commands.whitelist=ruok,cons,mntr',
      ...this.#secureLines(),
    ]
  }

  #secureLines(): readonly string[] {
    const { tls } = this.#settings
    if (tls === undefined) return []
    const [identity, trusted] = [join(this.#directory, 'identity.pem'), join(this.#directory, 'trusted.pem')]
    writeFileSync(identity, `${tls.key}\n${tls.cert}\n`)
    writeFileSync(trusted, `${tls.cert}\n`)
    return [
      `secureClientPort=${this.#securePort}`,
      'secureClientPortAddress=127.0.0.1',
      'serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
      `ssl.keyStore.location=${identity}`,
      `ssl.trustStore.location=${trusted}`,
      'ssl.hostnameVerification=false',
    ]
  }

  async #answering(): Promise<string | null> {
    for (const deadline = Date.now() + START_MS; Date.now() < deadline; await pause(50)) {
      if ((await this.ask('ruok')) === 'imok') return null
    }
    return `no answer in ${START_MS / 1000} s`
  }

  /** Asks one of the server's four-letter questions; empty when it does not answer. */
  ask(question: string): Promise<string> {
    return new Promise((resolve) => {
      let answer = ''
      const socket = connect({ host: '127.0.0.1', port: this.port }, () => socket.write(question))
      socket.on('data', (chunk) => {
        answer += chunk.toString()
      })
      // A server that is just starting may forget to answer.
      socket.setTimeout(ANSWER_MS, () => socket.destroy())
      socket.once('error', () => resolve(''))
      socket.once('close', () => resolve(answer))
    })
  }

  #lastWords(): string {
    return readFileSync(join(this.#directory, 'server.log'), 'utf8').split('\n').slice(-12).join('\n')
  }
}

/** Small, and quick to start. */
const JVM = [
  '-Xms64m',
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Djava.net.preferIPv4Stack=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
]

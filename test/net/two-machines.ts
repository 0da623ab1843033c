import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { runProgram } from '../engine/run-program.ts'

/** Two network namespaces with a cable between them: nothing of their traffic leaves them. Needs root. */
export class TwoMachines {
  static readonly ADDRESSES = ['10.199.46.1', '10.199.46.2'] as const
  readonly #names = [`gdisc${process.pid}-0`, `gdisc${process.pid}-1`] as const
  readonly #programs: Program[] = []

  static async connect(): Promise<TwoMachines> {
    const machines = new TwoMachines()
    const [first, second] = machines.#names
    try {
      for (const name of machines.#names) await runProgram(['ip', 'netns', 'add', name])
      await runProgram([
        'ip',
        '-n',
        first,
        'link',
        'add',
        'cable',
        'type',
        'veth',
        'peer',
        'name',
        'cable',
        'netns',
        second,
      ])
      for (const [i, name] of machines.#names.entries()) {
        await runProgram(['ip', '-n', name, 'address', 'add', `${TwoMachines.ADDRESSES[i]}/24`, 'dev', 'cable'])
        for (const link of ['lo', 'cable']) await runProgram(['ip', '-n', name, 'link', 'set', link, 'up'])
      }
      return machines
    } catch (error) {
      await machines.remove()
      throw error
    }
  }

  /** Starts the discovery program on a machine. */
  start(machine: 0 | 1, ...words: readonly string[]): Program {
    const argv = ['netns', 'exec', this.#names[machine], process.execPath, 'test/net/discovery-peer.ts', ...words]
    const program = new Program(argv)
    this.#programs.push(program)
    return program
  }

  /** Lets nothing that is sent to this address into a machine. */
  async deafen(machine: 0 | 1, address: string): Promise<void> {
    const nft = (...words: readonly string[]): Promise<string> =>
      runProgram(['ip', 'netns', 'exec', this.#names[machine], 'nft', ...words])
    await nft('add', 'table', 'inet', 'deaf')
    await nft('add', 'chain', 'inet', 'deaf', 'in', '{ type filter hook input priority 0 ; }')
    await nft('add', 'rule', 'inet', 'deaf', 'in', 'ip', 'daddr', address, 'drop')
  }

  /** Ends what still runs and removes the namespaces. */
  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()))
    const there = await runProgram(['ip', 'netns', 'list'])
    for (const name of this.#names) if (there.includes(name)) await runProgram(['ip', 'netns', 'delete', name])
  }
}

/** A running program that speaks in lines of JSON. */
class Program {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>

  constructor(argv: readonly string[]) {
    this.#child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
    this.#ended = once(this.#child, 'close')
  }

  /** The next thing that it says. */
  async says(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the program ended without a word')
    return JSON.parse(value)
  }

  /** Asks it how it is. */
  ask(): Promise<unknown> {
    this.#child.stdin.write('\n')
    return this.says()
  }

  /** Ends its input and waits until it has ended by itself. */
  async finish(): Promise<void> {
    this.#child.stdin.end()
    await this.#ended
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

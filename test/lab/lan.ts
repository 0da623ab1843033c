import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram } from '../engine/run-program.ts'
import { type Claim, namespaceOf } from './claim.ts'
import { type Loss, lossRules, lostPackets } from './lan-rules.ts'

const NAMESPACES = '/run/netns'

/** Where a machine is plugged in. */
export interface Outlet {
  readonly number: number
  readonly namespace: string
  /** Of the machine, and with 24 bits of network. */
  readonly address: string
}

/** The network between the machines of a lab: a switch in a namespace of its own, which leads nowhere else. */
export class Lan {
  readonly #claim: Claim
  readonly #namespace: string
  readonly #losses = new Set<Loss>()
  readonly #limits = new Map<number, number>()
  /** Rules are replaced as a whole, one change after the other. */
  #changed: Promise<unknown> = Promise.resolve()

  private constructor(claim: Claim) {
    this.#claim = claim
    this.#namespace = namespaceOf(claim, 'lan')
  }

  static async create(claim: Claim): Promise<Lan> {
    const lan = new Lan(claim)
    await runProgram(['ip', 'netns', 'add', lan.#namespace])
    await lan.#ip('link', 'add', 'lan', 'type', 'bridge')
    await lan.#ip('link', 'set', 'lan', 'up')
    return lan
  }

  /** Where machine n is plugged in. Numbers are from 0 to 200. */
  outlet(number: number): Outlet {
    return {
      number,
      namespace: namespaceOf(this.#claim, String(number)),
      address: `10.99.${this.#claim.number}.${10 + number}`,
    }
  }

  /** Makes the network namespace of a machine and plugs it in. Faults of its outlet hold. */
  async plugIn({ number, namespace, address }: Outlet): Promise<void> {
    await runProgram(['ip', 'netns', 'add', namespace])
    const port = portOf(number)
    await this.#ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
    await this.#ip('link', 'set', port, 'master', 'lan', 'up')
    // A machine keeps its card: others would send to the one that they remember.
    await runProgram(['ip', '-n', namespace, 'link', 'set', 'eth0', 'address', cardOf(address)])
    await runProgram(['ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0'])
    await runProgram(['ip', '-n', namespace, 'link', 'set', 'eth0', 'up'])
    const limit = this.#limits.get(number)
    if (limit !== undefined) await this.#shape({ number, namespace, address }, limit)
  }

  /** Takes a machine off the network: from now on nothing comes from there. */
  async disconnect({ number }: Outlet): Promise<void> {
    await this.#ip('link', 'delete', portOf(number))
  }

  /** Forgets the network namespace of a machine that is off and disconnected. */
  async forget({ namespace }: Outlet): Promise<void> {
    await runProgram(['ip', 'netns', 'delete', namespace])
  }

  /** Begins to lose packets; the result ends that. Losses add up. */
  async lose(losses: readonly Loss[]): Promise<() => Promise<void>> {
    for (const loss of losses) this.#losses.add(loss)
    await this.#applyLosses()
    return async () => {
      for (const loss of losses) this.#losses.delete(loss)
      await this.#applyLosses()
    }
  }

  /** How many packets were lost on purpose since that began or changed last. */
  async lost(): Promise<number> {
    await this.#changed
    return lostPackets(await this.#nft('list', 'chain', 'bridge', 'faults', 'forward'))
  }

  /** Lets no more than this pass in either direction; the result ends that. */
  async limit(outlet: Outlet, bytesPerSecond: number): Promise<() => Promise<void>> {
    this.#limits.set(outlet.number, bytesPerSecond)
    await this.#shape(outlet, bytesPerSecond)
    return async () => {
      if (!this.#limits.delete(outlet.number) || !existsSync(join(NAMESPACES, outlet.namespace))) return
      await this.#tc(outlet, ['delete'], [])
    }
  }

  async remove(): Promise<void> {
    await removeNamespaces(this.#claim)
  }

  #shape(outlet: Outlet, bytesPerSecond: number): Promise<void> {
    const rate = `${Math.round(bytesPerSecond * 8)}bit`
    return this.#tc(outlet, ['replace'], ['tbf', 'rate', rate, 'burst', '32kb', 'latency', '400ms'])
  }

  async #tc({ number, namespace }: Outlet, verb: readonly string[], shape: readonly string[]): Promise<void> {
    const ends = [
      [this.#namespace, portOf(number)],
      [namespace, 'eth0'],
    ] as const
    for (const [where, device] of ends) {
      await runProgram(['tc', '-n', where, 'qdisc', ...verb, 'dev', device, 'root', ...shape])
    }
  }

  #applyLosses(): Promise<void> {
    const change = this.#changed.then(async () => {
      await this.#nft(lossRules([...this.#losses]))
    })
    this.#changed = change.catch(() => undefined)
    return change
  }

  #nft(...words: readonly string[]): Promise<string> {
    return runProgram(['nsenter', `--net=${NAMESPACES}/${this.#namespace}`, 'nft', ...words])
  }

  #ip(...words: readonly string[]): Promise<string> {
    return runProgram(['ip', '-n', this.#namespace, ...words])
  }
}

/** The switch's name for the outlet of machine n. */
export function portOf(number: number): string {
  return `p${number}`
}

/** Address of the network card that has this IP address. */
function cardOf(address: string): string {
  const parts = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  return ['02', '00', ...parts].join(':')
}

/** Removes every network namespace of a lab whose machines are off. */
export async function removeNamespaces(claim: Claim): Promise<void> {
  if (!existsSync(NAMESPACES)) return
  const prefix = namespaceOf(claim, '')
  for (const name of readdirSync(NAMESPACES)) {
    if (name.startsWith(prefix)) await runProgram(['ip', 'netns', 'delete', name])
  }
}

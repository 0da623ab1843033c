import type { RemoteInfo, Socket } from 'node:dgram'
import { AnswerLog } from '../../core/discovery/answer-log.ts'
import { type AnswerTerms, judgePacket, SILENCES, type Silence } from '../../core/discovery/judge-packet.ts'
import { labelOf } from '../../core/discovery/label.ts'
import { encodeHint } from '../../core/discovery/packet.ts'
import type { AnsweredSearches, Answering } from '../../ports/discovery.ts'
import { EVERY_ADDRESS, type LocalAddress, localAddresses } from './interfaces.ts'
import { answerKeys } from './keys.ts'
import type { UdpOptions } from './udp.ts'
import { closeSocket, DISCOVERY_GROUP, openSocket } from './udp-socket.ts'

/** Interfaces come and go: a link that was just set up, or an address from DHCP, may be later than we are. */
const LOOK_AGAIN_MS = 3_000

/** The server's half of discovery: see the port. */
export async function answerSearches(options: UdpOptions, searches: AnsweredSearches): Promise<Answering> {
  const answerer = new Answerer(options, searches)
  await answerer.open()
  return answerer
}

class Answerer implements Answering {
  readonly counts: Record<'answered' | Silence, number> = countsOf(['answered', ...SILENCES])
  readonly #options: UdpOptions
  readonly #searches: AnsweredSearches
  readonly #terms: AnswerTerms
  readonly #answered = new AnswerLog()
  readonly #joined = new Set<string>()
  #sockets: readonly Socket[] = []
  #cancelLook: () => void = () => undefined

  constructor(options: UdpOptions, searches: AnsweredSearches) {
    this.#options = options
    this.#searches = searches
    const { clusterName, secret, authorityHashes } = searches
    this.#terms = { label: labelOf(clusterName), keys: answerKeys(secret, authorityHashes) }
  }

  async open(): Promise<void> {
    const { bindAddress, port } = this.#options
    const opened = await Promise.allSettled(listenAddresses(bindAddress).map((address) => openSocket(address, port)))
    this.#sockets = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const failed = opened.find((one) => one.status === 'rejected')
    if (failed !== undefined) {
      await this.close()
      throw failed.reason
    }
    for (const socket of this.#sockets) this.#listen(socket)
    this.#joinGroups()
  }

  async close(): Promise<void> {
    this.#cancelLook()
    await Promise.all(this.#sockets.map(closeSocket))
  }

  #listen(socket: Socket): void {
    socket.on('message', (packet, sender) => this.#take(packet, sender))
    socket.on('error', (error) => this.#options.log.warn('a discovery socket failed', { error }))
  }

  #take(packet: Buffer, sender: RemoteInfo): void {
    // The wall clock, because it is compared with those of other machines, and may have been set since we started.
    const now = Date.now()
    const verdict = judgePacket(packet, { ...sender, now }, this.#terms, this.#answered)
    const hint = verdict.kind === 'answer' ? this.#searches.hint() : null
    if (verdict.kind === 'silence' || hint === null) {
      this.counts[verdict.kind === 'silence' ? verdict.because : 'nothing to tell']++
      return
    }
    this.counts.answered++
    this.#answered.record(sender.address, verdict.search.nonce, now)
    // The first socket has the address that others know us by; one bound to a group would answer from nowhere.
    const [socket] = this.#sockets
    socket?.send(encodeHint(hint, verdict.search, now, verdict.key), sender.port, sender.address, (error) => {
      if (error !== null) this.#options.log.debug('a search could not be answered', { to: sender.address, error })
    })
  }

  #joinGroups(): void {
    const { clock, bindAddress, log } = this.#options
    const here = localAddresses(bindAddress)
    const socket = this.#sockets.at(-1)
    for (const { address } of here) {
      if (socket === undefined || this.#joined.has(address)) continue
      try {
        socket.addMembership(DISCOVERY_GROUP, address)
      } catch (error) {
        // Some interfaces know no groups, and one with two addresses is joined with the first.
        log.debug('a network could not be listened to by multicast', { address, error })
      }
      this.#joined.add(address)
    }
    forgetGone(this.#joined, here)
    this.#cancelLook = clock.callAt(clock.now() + LOOK_AGAIN_MS, () => this.#joinGroups())
  }
}

/**
 * A socket of one address gets nothing that was sent to everybody: that takes one more for its broadcast address, and one
 * for the group. The first is the one to answer from, the last the one to join groups with.
 */
function listenAddresses(bindAddress: string): readonly string[] {
  if (bindAddress === EVERY_ADDRESS) return [bindAddress]
  const broadcasts = localAddresses(bindAddress).flatMap(({ broadcast }) => (broadcast === null ? [] : [broadcast]))
  return [bindAddress, ...broadcasts, DISCOVERY_GROUP]
}

function forgetGone(joined: Set<string>, here: readonly LocalAddress[]): void {
  for (const address of joined) if (!here.some((one) => one.address === address)) joined.delete(address)
}

function countsOf<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>
}

import { OperationalError } from '../../core/errors.ts'
import type { EtcdAlarm, EtcdMember, SeenMember } from '../../core/etcd/members.ts'
import { planUpkeep } from '../../core/etcd/plan-upkeep.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { EtcdConnection } from './connection.ts'
import type { TlsText } from './endpoint.ts'
import { EtcdFailure } from './failure.ts'
import {
  ALARMS,
  COMPACT,
  DEFRAGMENT,
  LIFT_SPACE_ALARM,
  MEMBER_ADD_LEARNER,
  MEMBER_LIST,
  MEMBER_PROMOTE,
  MEMBER_REMOVE,
  type MemberStatus,
  STATUS,
} from './member-methods.ts'
import { type Method, RANGE } from './methods.ts'

/** A member that is well answers within a few milliseconds. */
const ANSWER_WITHIN_MS: Millis = 1_500
const CHANGE_WITHIN_MS: Millis = 7_000
/** Whoever defragments does so in the time that its disk takes. */
const MAKE_ROOM_WITHIN_MS: Millis = 120_000

interface Listed {
  readonly address: string
  readonly members: readonly EtcdMember[]
  readonly appliedIndex: number
}

/** Who is a member of an etcd, asked of each by itself; and changes of that. */
export class EtcdMembers {
  readonly #clock: Clock
  #tls: TlsText | null
  readonly #inHurry: boolean
  readonly #connections = new Map<string, EtcdConnection>()

  /** `inHurry`: nobody is waited for where nobody listens, for who looks again soon. */
  constructor(clock: Clock, tls: TlsText | null, inHurry = false) {
    this.#clock = clock
    this.#tls = tls
    this.#inHurry = inHurry
  }

  /** Proves with this certificate who we are from now on. */
  renew(tls: TlsText): void {
    this.#tls = tls
    this.close()
  }

  /** The members, as those that answer at these addresses (`host:port`) list them; null: none answers. */
  async lookAt(addresses: readonly string[]): Promise<readonly SeenMember[] | null> {
    const listings = await Promise.all(addresses.map((address) => this.#listAt(address)))
    const found = listings.filter((listing) => listing !== null)
    // One that is behind lists those of earlier.
    const [members] = found.sort((a, b) => b.appliedIndex - a.appliedIndex)
    if (members === undefined) return null
    const alarms = await this.#alarms(members.address)
    return Promise.all(members.members.map((member) => this.#see(member, alarms)))
  }

  /** Makes a member known by its peer URL, without a vote. Throws UNAVAILABLE with etcd's reason. */
  async add(addresses: readonly string[], peerUrl: string): Promise<void> {
    await this.#change(addresses, MEMBER_ADD_LEARNER, peerUrl, `add ${peerUrl} to the members of the store`)
  }

  /** Gives a member its vote. Throws UNAVAILABLE with etcd's reason, such as that it has not caught up. */
  async promote(addresses: readonly string[], id: string): Promise<void> {
    await this.#change(addresses, MEMBER_PROMOTE, id, 'give a member of the store its vote')
  }

  /** Throws UNAVAILABLE with etcd's reason. */
  async remove(addresses: readonly string[], id: string): Promise<void> {
    await this.#change(addresses, MEMBER_REMOVE, id, 'take a member out of the store')
  }

  /** Gives unused space back where it is worth it, and lifts the alarm of a full one. Returns what was done. */
  async upkeep(address: string, isWhole: boolean): Promise<'make room' | 'defragment' | null> {
    const connection = this.#to(address)
    const status = await this.#ask(address, STATUS, null)
    if (status === null) return null
    const alarms = (await this.#alarms(address)).filter(({ id }) => id === status.id).map(({ alarm }) => alarm)
    const { sizeBytes, usedBytes } = status
    const step = planUpkeep({ sizeBytes, usedBytes, alarms, isWhole })
    if (step === null) return null
    const until = this.#clock.now() + MAKE_ROOM_WITHIN_MS
    if (step.kind === 'make room') {
      const { revision } = await connection.attempt(RANGE, { key: '\0' }, until)
      await connection.attempt(COMPACT, revision, until).catch(unlessCompacted)
    }
    await connection.attempt(DEFRAGMENT, null, until)
    if (step.kind === 'make room') await connection.attempt(LIFT_SPACE_ALARM, status.id, until)
    return step.kind
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close()
    this.#connections.clear()
  }

  async #listAt(address: string): Promise<Listed | null> {
    const status = await this.#ask(address, STATUS, null)
    if (status === null) return null
    const members = await this.#ask(address, MEMBER_LIST, { newest: false })
    if (members === null || members.length === 0) return null
    return { address, members, appliedIndex: status.appliedIndex }
  }

  async #see(member: EtcdMember, alarms: readonly { id: string; alarm: EtcdAlarm }[]): Promise<SeenMember> {
    const status = member.clientUrl === null ? null : await this.#ask(addressOf(member.clientUrl), STATUS, null)
    const own = alarms.filter(({ id }) => id === member.id).map(({ alarm }) => alarm)
    return { ...member, ...judge(member, status), alarms: own }
  }

  async #alarms(address: string): Promise<readonly { id: string; alarm: EtcdAlarm }[]> {
    return (await this.#ask(address, ALARMS, null)) ?? []
  }

  /** null: no answer. */
  async #ask<Request, Response>(
    address: string,
    method: Method<Request, Response>,
    request: Request,
  ): Promise<Response | null> {
    try {
      return await this.#to(address).attempt(method, request, this.#clock.now() + ANSWER_WITHIN_MS)
    } catch (error) {
      if (error instanceof EtcdFailure) return null
      throw error
    }
  }

  async #change<Request>(
    addresses: readonly string[],
    method: Method<Request, true>,
    request: Request,
    could: string,
  ): Promise<void> {
    let why = 'no member answers'
    for (const address of addresses) {
      try {
        await this.#to(address).attempt(method, request, this.#clock.now() + CHANGE_WITHIN_MS)
        return
      } catch (error) {
        if (!(error instanceof EtcdFailure)) throw error
        why = error.message
      }
    }
    throw new OperationalError('UNAVAILABLE', `cannot ${could}: ${why}`)
  }

  #to(address: string): EtcdConnection {
    const known = this.#connections.get(address)
    if (known !== undefined) return known
    const connection = new EtcdConnection({
      endpoints: [address],
      clock: this.#clock,
      requestTimeoutMs: MAKE_ROOM_WITHIN_MS,
      tls: this.#tls,
      refusalEnds: this.#inHurry,
    })
    this.#connections.set(address, connection)
    return connection
  }
}

/** A client URL as an endpoint. */
function addressOf(url: string): string {
  return url.replace(/^https?:\/\//, '')
}

function judge(member: EtcdMember, status: MemberStatus | null): Pick<SeenMember, 'alive' | 'leads' | 'version'> {
  // Somebody else at its address is not the member.
  if (status === null || status.id !== member.id) return { alive: false, leads: false, version: null }
  return { alive: true, leads: status.leader === member.id, version: status.version }
}

function unlessCompacted(error: unknown): void {
  if (!(error instanceof EtcdFailure) || error.kind !== 'refused') throw error
}

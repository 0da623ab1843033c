import type { Millis } from '../model/ids.ts'
import type { AnswerLog } from './answer-log.ts'
import { sameLabel } from './label.ts'
import { hasMac, type Mac, PACKET_BYTES, type PacketHead, readHead } from './packet.ts'

/** How far the clocks of two machines may differ. */
const TOLERANCE_MS = 60_000

/** Why a packet gets no answer. Whoever sent it hears none of this. */
export const SILENCES = [
  'too large',
  'smaller than a search',
  'not of this protocol',
  'another version',
  'malformed',
  'no search',
  'no port to answer to',
  'another cluster',
  'time is off',
  'nonce was used',
  'rate of its source',
  'rate in total',
  'wrong key',
  'nothing to tell',
] as const
export type Silence = (typeof SILENCES)[number]

/** What a server answers to. */
export interface AnswerTerms {
  readonly label: Uint8Array
  /** The keys that searches may be signed with. */
  readonly keys: readonly Mac[]
}

export interface Arrival {
  /** IP address and port of the sender, as the packet claims them. */
  readonly address: string
  readonly port: number
  readonly now: Millis
}

export type PacketVerdict =
  /** `key`: what the search was signed with, and the answer is to be. */
  | { readonly kind: 'answer'; readonly search: PacketHead; readonly key: Mac }
  | { readonly kind: 'silence'; readonly because: Silence }

/**
 * Judges whether a packet gets an answer. Cheap questions come first, so that a flood costs little: the key is tried only
 * for a search that would be answered. Never throws, whatever the bytes are. Whoever answers records it in `answered`.
 */
export function judgePacket(
  packet: Uint8Array,
  { address, port, now }: Arrival,
  terms: AnswerTerms,
  answered: AnswerLog,
): PacketVerdict {
  if (packet.length > PACKET_BYTES) return silence('too large')
  const read = readHead(packet)
  if (read.kind === 'unreadable') return silence(read.because)
  const { head } = read
  if (head.kind !== 'search') return silence('no search')
  if (packet.length < PACKET_BYTES) return silence('smaller than a search')
  if (port === 0) return silence('no port to answer to')
  if (!sameLabel(head.label, terms.label)) return silence('another cluster')
  if (Math.abs(now - head.at) > TOLERANCE_MS) return silence('time is off')
  if (answered.hasAnswered(head.nonce)) return silence('nonce was used')
  const rate = answered.brokenRate(address, now)
  if (rate !== null) return silence(rate === 'source' ? 'rate of its source' : 'rate in total')
  const key = terms.keys.find((mac) => hasMac(packet, mac))
  return key === undefined ? silence('wrong key') : { kind: 'answer', search: head, key }
}

function silence(because: Silence): PacketVerdict {
  return { kind: 'silence', because }
}

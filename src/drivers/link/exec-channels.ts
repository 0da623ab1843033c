import { OperationalError } from '../../core/errors.ts'
import { encodeBytes, valueIn } from './frames.ts'

/** First byte of each frame on the stream of a program. */
export const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, control: 3 } as const
export type ChannelName = keyof typeof CHANNELS
const NAMES = Object.keys(CHANNELS) as ChannelName[]

/** Longer pieces of input and output are cut. */
const PIECE_BYTES = 256 * 1024

/** Bytes on a channel, as frames. */
export function* encodePieces(channel: ChannelName, data: Uint8Array): Generator<Buffer> {
  for (let at = 0; at < data.length; at += PIECE_BYTES) yield encodePiece(channel, data.subarray(at, at + PIECE_BYTES))
}

/** A value on the channel of control. */
export function encodeControl(value: object): Buffer {
  return encodePiece('control', Buffer.from(JSON.stringify(value)))
}

function encodePiece(channel: ChannelName, data: Uint8Array): Buffer {
  return encodeBytes(Buffer.concat([Buffer.of(CHANNELS[channel]), data]))
}

export type Piece =
  | { readonly channel: Exclude<ChannelName, 'control'>; readonly data: Buffer }
  | { readonly channel: 'control'; readonly value: unknown }

/** What a frame on the stream of a program says. Throws UNAVAILABLE for what says nothing. */
export function pieceIn(frame: Buffer): Piece {
  const channel = NAMES.find((name) => CHANNELS[name] === frame[0])
  if (channel === undefined) throw new OperationalError('UNAVAILABLE', 'a program has no such channel')
  const data = frame.subarray(1)
  return channel === 'control' ? { channel, value: valueIn(data) } : { channel, data }
}

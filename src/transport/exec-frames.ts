import type { DockerRequest } from '../ports/host.ts'
import type { ExecRequest } from '../ports/runtime.ts'
import type { WireError } from './wire.ts'

/** First byte of each binary message on an exec WebSocket. */
export const EXEC_CHANNELS = { stdin: 0, stdout: 1, stderr: 2, control: 3 } as const
export type ExecChannel = (typeof EXEC_CHANNELS)[keyof typeof EXEC_CHANNELS]

/** Largest message in either direction; longer input is cut into several. */
export const MAX_FRAME_BYTES = 256 * 1024

/** What the client says on the control channel: `start` first, once. */
export type ExecCommand =
  | { readonly start: ExecRequest | DockerRequest }
  | { readonly resize: { readonly columns: number; readonly rows: number } }
  | { readonly eof: true }

/** What the server says on the control channel; `exit` or `error` is the last. */
export type ExecNotice = { readonly started: true } | { readonly exit: number } | WireError

export function encodeFrame(channel: ExecChannel, data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(data.length + 1)
  frame[0] = channel
  frame.set(data, 1)
  return frame
}

export function encodeControl(message: ExecCommand | ExecNotice): Uint8Array {
  return encodeFrame(EXEC_CHANNELS.control, new TextEncoder().encode(JSON.stringify(message)))
}

/** The parts of a message, or null when it has no channel that exists. */
export function decodeFrame(frame: Uint8Array): { readonly channel: ExecChannel; readonly data: Uint8Array } | null {
  const channel = frame[0]
  if (channel !== 0 && channel !== 1 && channel !== 2 && channel !== 3) return null
  return { channel, data: frame.subarray(1) }
}

/** The JSON of a control message; null when it is not JSON. */
export function parseControl(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data))
  } catch {
    return null // Not JSON, or not UTF-8: the caller refuses it.
  }
}

import type { ServerSessionOptions } from 'node:http2'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { HEARTBEAT_BOUNDS_MS, isHeartbeat } from '../../core/node/vigilance.ts'

/** Where the stream of messages is, where an agent is asked for another heartbeat, and where calls are, by name. */
export const MESSAGES_PATH = '/messages'
export const PACE_PATH = '/pace'
export const CALL_PATH = '/call/'
/** In the requests for the first two: milliseconds between two heartbeats of the agent. */
export const HEARTBEAT_HEADER = 'heartbeat-ms'

/** What one server may ask of one agent at the same time, streams of logs and programs included. */
export const MAX_CALLS = 1_000

/** What may be on its way to a stream whose reader stands still. */
const STREAM_WINDOW_BYTES = 256 * 1024
/** Of all streams together. More would delay assignments and heartbeats behind logs on a slow line. */
export const SESSION_WINDOW_BYTES = 1024 * 1024

/** What each end lets the other make it keep. */
export const SESSION_LIMITS: ServerSessionOptions = {
  // MiB. Messages that wait to be sent count, and one may have 16.
  maxSessionMemory: 64,
  maxHeaderListPairs: 16,
  maxOutstandingPings: 4,
  peerMaxConcurrentStreams: MAX_CALLS + 1,
  // A server resets the stream of a log or program that nobody reads any more. The usual limit, against strangers, would
  // take a thousand of those for an attack and end the connection.
  streamResetBurst: 100_000,
  streamResetRate: 10_000,
  settings: {
    enablePush: false,
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxConcurrentStreams: MAX_CALLS + 1,
    maxHeaderListSize: 4_096,
  },
}

/** Messages that the other end does not take in; beyond, the connection is given up. */
export const MOST_UNSENT_BYTES = 32 * 1024 * 1024

/** For everything that must come first: TLS, HTTP/2, the first message. */
export const BEGIN_WITHIN_MS: Millis = 30_000

/** Throws CONFIG_INVALID for one that is none. */
export function checkHeartbeat(everyMs: Millis): void {
  if (isHeartbeat(everyMs)) return
  throw new OperationalError('CONFIG_INVALID', `the link cannot have a heartbeat every ${everyMs} ms`, {
    hint: `between ${HEARTBEAT_BOUNDS_MS.join(' and ')} ms`,
  })
}

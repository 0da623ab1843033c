import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Millis } from '../../core/model/ids.ts'
import type { AgentMessage, ServerMessage } from '../../core/model/message.ts'
import { isHeartbeat } from '../../core/node/vigilance.ts'
import type { AgentCalls, ServerConnection } from '../../ports/link.ts'
import { answerCall, type OnFault } from './answer-calls.ts'
import { DeltaReceiver } from './assignment-delta.ts'
import type { LinkSession } from './link-session.ts'
import { MessageStream } from './message-stream.ts'
import { SERVER_KINDS, serverMessage } from './messages.ts'
import { readForm } from './read-form.ts'
import { CALL_PATH, HEARTBEAT_HEADER, MESSAGES_PATH, PACE_PATH } from './session-limits.ts'

export interface AgentEndOptions {
  readonly calls: AgentCalls
  readonly onFault: OnFault
  /** Another server leads, at that address if it is known. Told before the message is. */
  readonly onElsewhere: (leader: string | null) => void
  /** The server wants a heartbeat so often. */
  readonly onPace: (everyMs: Millis) => void
}

/** Serves a server at the agent's end of a session. Resolves when the server has opened its stream of messages. */
export function serveServer(
  session: LinkSession<ServerHttp2Session>,
  { calls, onFault, onElsewhere, onPace }: AgentEndOptions,
): Promise<ServerConnection> {
  return new Promise((resolve, reject) => {
    session.onEnd(() => reject(session.gone()))
    let greeted = false
    session.http2.on('stream', (stream: ServerHttp2Stream, headers) => {
      // The session may have ended since the stream came.
      if (stream.destroyed) return
      // What goes wrong with a stream ends it, and is told where it is read.
      stream.on('error', () => undefined)
      const path = String(headers[':path'])
      if (path.startsWith(CALL_PATH)) {
        stream.respond({ ':status': 200 })
        void answerCall(path.slice(CALL_PATH.length), stream, calls, onFault)
      } else if (path === MESSAGES_PATH && !greeted) {
        greeted = true
        stream.respond({ ':status': 200 })
        const everyMs = Number(headers[HEARTBEAT_HEADER])
        if (isHeartbeat(everyMs)) onPace(everyMs)
        resolve(connectionOver(session, stream, onElsewhere))
      } else if (path === PACE_PATH) {
        const everyMs = Number(headers[HEARTBEAT_HEADER])
        const isGood = isHeartbeat(everyMs)
        stream.respond({ ':status': isGood ? 200 : 400 }, { endStream: true })
        stream.resume()
        if (isGood) onPace(everyMs)
      } else stream.respond({ ':status': 404 }, { endStream: true })
    })
  })
}

function connectionOver(
  session: LinkSession,
  stream: ServerHttp2Stream,
  onElsewhere: AgentEndOptions['onElsewhere'],
): ServerConnection {
  const deltas = new DeltaReceiver()
  const messages = new MessageStream<ServerMessage, AgentMessage>(session, stream, {
    kinds: SERVER_KINDS,
    read: (value) => {
      const message = readForm(serverMessage, value, 'a message of a server')
      if (message.kind === 'elsewhere') onElsewhere(message.leader)
      return message.kind === 'assignment' ? deltas.next(message) : message
    },
    write: (message) => message,
  })
  return {
    address: session.ownAddress,
    send: (message) => messages.send(message),
    onMessage: (handle) => messages.onMessage(handle),
    onClose: (handle) => session.onEnd(handle),
    close: () => messages.close(),
  }
}

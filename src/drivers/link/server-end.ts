import { type ClientHttp2Session, connect } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Millis } from '../../core/model/ids.ts'
import type { AgentMessage, Refused, ServerMessage } from '../../core/model/message.ts'
import type { AgentConnection, PeerCertificate } from '../../ports/link.ts'
import { askAgent } from './ask-agent.ts'
import { DeltaSender } from './assignment-delta.ts'
import { encodeFrame } from './frames.ts'
import type { LinkSession } from './link-session.ts'
import { MessageStream } from './message-stream.ts'
import { AGENT_KINDS, agentMessage } from './messages.ts'
import { readForm } from './read-form.ts'
import { BEGIN_WITHIN_MS, HEARTBEAT_HEADER, MESSAGES_PATH, PACE_PATH, SESSION_LIMITS } from './session-limits.ts'

const TOLD_WITHIN_MS: Millis = 2_000

/** How it is known that an agent is there. */
export interface AgentHeart {
  /** How often it is to say so. */
  readonly heartbeatMs: Millis
  readonly onDoubt: AgentConnection['onDoubt']
}

/** An agent as its server sees it, over a session that the agent has dialled. */
export function agentOver(
  session: LinkSession<ClientHttp2Session>,
  peer: PeerCertificate,
  barred: string | null,
  { heartbeatMs, onDoubt }: AgentHeart,
): AgentConnection {
  const headers = { ':method': 'POST', ':path': MESSAGES_PATH, [HEARTBEAT_HEADER]: String(heartbeatMs) }
  const stream = session.http2.request(headers, { endStream: false })
  const deltas = new DeltaSender()
  const late = setTimeout(() => session.end('the agent said nothing'), BEGIN_WITHIN_MS)
  session.onEnd(() => clearTimeout(late))
  const messages = new MessageStream<AgentMessage, ServerMessage>(session, stream, {
    kinds: AGENT_KINDS,
    read: (value) => {
      clearTimeout(late)
      return readForm(agentMessage, value, 'a message of an agent')
    },
    write: (message) => (message.kind === 'assignment' ? deltas.next(message) : message),
  })
  return {
    send: (message) => messages.send(message),
    onMessage: (handle) => messages.onMessage(handle),
    onClose: (handle) => session.onEnd(handle),
    onDoubt,
    close: () => messages.close(),
    calls: askAgent(session, () => messages.isOpen),
    peer,
    ...(barred !== null && { barred }),
  }
}

/** Asks an agent for another interval between its heartbeats; an older version does not know of that, and goes on as before. */
export function askPace(session: LinkSession<ClientHttp2Session>, everyMs: Millis, taken: () => void): void {
  if (session.reason !== null) return
  const headers = { ':method': 'POST', ':path': PACE_PATH, [HEARTBEAT_HEADER]: String(everyMs) }
  const stream = session.http2.request(headers, { endStream: true })
  // What goes wrong with it leaves everything as it was; a connection that breaks ends by itself.
  stream.on('error', () => undefined)
  stream.once('response', ({ ':status': status }) => {
    if (status === 200) taken()
  })
  stream.resume()
}

/** Says why an agent gets no connection, as the first and last message of one. */
export function turnAway(socket: TLSSocket, refusal: Refused): void {
  const session = connect('http://agent', { ...SESSION_LIMITS, createConnection: () => socket })
  const end = (): void => {
    clearTimeout(late)
    session.destroy()
    socket.destroy()
  }
  const late = setTimeout(end, TOLD_WITHIN_MS)
  for (const event of ['error', 'goaway', 'close']) session.once(event, end)
  const stream = session.request({ ':method': 'POST', ':path': MESSAGES_PATH }, { endStream: false })
  stream.on('error', end)
  stream.resume()
  stream.end(encodeFrame(refusal))
}

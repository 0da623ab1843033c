import type { AgentMessage, ServerMessage } from '../core/model/message.ts'
import type { AgentConnection, Link } from '../ports/link.ts'

/** One direction of a connection: what is sent before anybody listens waits. */
interface Pipe<M> {
  send(message: M): void
  listen(handle: (message: M) => void): void
}

/**
 * The link between an agent and a server in the same process. Messages arrive in order in a later turn of the event
 * loop, as they would over a network.
 */
export function localLink(accept: (connection: AgentConnection) => void): Link {
  return {
    connect: async (calls) => {
      let open = true
      const closeHandlers: (() => void)[] = []
      const close = (): void => {
        if (!open) return
        open = false
        setImmediate(() => {
          for (const handle of closeHandlers) handle()
        })
      }
      const isOpen = (): boolean => open
      const up = pipe<AgentMessage>(isOpen)
      const down = pipe<ServerMessage>(isOpen)
      const onClose = (handle: () => void): void => {
        closeHandlers.push(handle)
      }
      // Within one process nobody is in doubt about the other.
      const onDoubt = (): void => undefined
      accept({ send: down.send, onMessage: up.listen, onClose, onDoubt, close, calls, peer: null })
      return { address: null, send: up.send, onMessage: down.listen, onClose, close }
    },
    prefer: () => undefined,
  }
}

function pipe<M>(isOpen: () => boolean): Pipe<M> {
  let handle: ((message: M) => void) | null = null
  const waiting: M[] = []
  const flush = (): void => {
    while (handle !== null && isOpen()) {
      const message = waiting.shift()
      if (message === undefined) return
      handle(message)
    }
  }
  return {
    send: (message) => {
      waiting.push(message)
      setImmediate(flush)
    },
    listen: (listener) => {
      handle = listener
      setImmediate(flush)
    },
  }
}

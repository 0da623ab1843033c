import { connect } from 'node:net'
import type { Millis } from '../core/model/ids.ts'
import type { Reach } from '../ports/reach.ts'

/** The port of discovery. Nobody has to listen: a refusal comes from the machine's kernel, however busy its programs are. */
const PORT = 7946

/** Asks by trying to connect: an open port and a refusal both are answers. */
export function tcpReach(port: number = PORT): Reach {
  return { answers: (address, withinMs) => answers(address, port, withinMs) }
}

function answers(host: string, port: number, withinMs: Millis): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (answered: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answered)
    }
    // What arrived while this process was too busy to look is handled before silence is believed.
    const timer = setTimeout(() => setImmediate(() => setImmediate(() => end(false))), withinMs)
    socket.once('connect', () => end(true))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED'))
  })
}

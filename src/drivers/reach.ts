import { connect } from 'node:net'
import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Reach } from '../ports/reach.ts'
import { hostAndPort } from './link/address.ts'

/** The port of discovery. Nobody has to listen: a refusal comes from the machine's kernel, however busy its programs are. */
const PORT = 7946

/** Asks by trying to connect: an open port and a refusal both are answers. */
export function tcpReach(port: number = PORT): Reach {
  return {
    answers: async (address, withinMs) => (await knock(address, port, withinMs)) !== 'silent',
    knock: async (address, withinMs) => {
      try {
        const { host, port: at } = hostAndPort(address)
        return await knock(host, at, withinMs)
      } catch (error) {
        // Nobody is there at what is no address.
        if (error instanceof OperationalError) return 'silent'
        throw error
      }
    },
  }
}

type Answer = 'open' | 'refused' | 'silent'

function knock(host: string, port: number, withinMs: Millis): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (answer: Answer): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    // What arrived while this process was too busy to look is handled before silence is believed.
    const timer = setTimeout(() => setImmediate(() => setImmediate(() => end('silent'))), withinMs)
    socket.once('connect', () => end('open'))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED' ? 'refused' : 'silent'))
  })
}

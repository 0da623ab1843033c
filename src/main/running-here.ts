import { connect } from 'node:net'
import { OperationalError } from '../core/errors.ts'

/** Whether a server or an agent of Gantry listens on this socket. */
export function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The refusal to work on the data directory of one that runs. */
export function runsHere(): OperationalError {
  return new OperationalError('CONFLICT', 'Gantry runs on this machine', {
    hint: 'stop it first; SIGTERM leaves its tasks running',
  })
}

import { OperationalError } from '../../core/errors.ts'
import type { Peer } from '../../ports/peers.ts'
import type { Commit, CommitOutcome } from '../../ports/store.ts'

interface Waiting {
  readonly peer: Peer
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (reason: OperationalError) => void
}

/** Commits that another server judges, until it has answered. */
export class RemoteCommits {
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  /** Resolves with `unknown` when the connection is lost before the answer. */
  send(commit: Commit, peer: Peer): Promise<CommitOutcome> {
    const number = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { peer, resolve, reject })
      peer.send({ kind: 'commit', number, commit })
    })
  }

  /** null: it does not keep the state, and has written nothing. */
  answered(peer: Peer, number: number, outcome: CommitOutcome | null): void {
    const waiting = this.#waiting.get(number)
    if (waiting === undefined || waiting.peer !== peer) return
    this.#waiting.delete(number)
    if (outcome !== null) waiting.resolve(outcome)
    else waiting.reject(new OperationalError('UNAVAILABLE', `cannot write: server ${peer.id} keeps no state`))
  }

  lost(peer: Peer): void {
    const cause = new OperationalError('UNAVAILABLE', `the connection to server ${peer.id} is gone`)
    for (const [number, waiting] of [...this.#waiting]) {
      if (waiting.peer !== peer) continue
      this.#waiting.delete(number)
      waiting.resolve({ kind: 'unknown', cause })
    }
  }
}

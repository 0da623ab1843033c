import { OperationalError } from '../core/errors.ts'
import { keyOf } from '../core/model/objects.ts'
import type { Mirror } from '../store/mirror.ts'
import type { RevokedSerials } from './revoked-serials.ts'

/** Whether other machines take the word of this server. */
export interface Standing {
  /** Why they do not: a user removed or replaced its node, so its certificate was revoked. null: they do. */
  readonly lost: OperationalError | null
  /** Calls when the word of this server has come to be worth nothing; returns a function that ends it. */
  onLost(call: (why: OperationalError) => void): () => void
}

/** `serial`: of the certificate that this server shows now; null: it shows none, and nobody is to believe it. */
export function standingOf(mirror: Mirror, revoked: RevokedSerials, serial: () => string | null): Standing {
  const judge = (): OperationalError | null => {
    const own = serial()
    const record = own === null ? null : mirror.get(keyOf('revoked', own))
    if (record === null) return null
    return new OperationalError('FORBIDDEN', `the certificate of this server was revoked: ${record.value.because}`)
  }
  return {
    get lost() {
      return judge()
    },
    onLost: (call) =>
      revoked.onChange(() => {
        const why = judge()
        if (why !== null) call(why)
      }),
  }
}

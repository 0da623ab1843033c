import type { ServiceError } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import { OperationalError } from '../../core/errors.ts'

/**
 * A call to etcd that failed.
 *
 * - `unsent`: it never left this process.
 * - `refused`: etcd answered that it did nothing.
 * - `doubtful`: the answer was lost, or says only that etcd does not know either.
 */
export class EtcdFailure extends Error {
  override readonly name = 'EtcdFailure'
  readonly kind: 'unsent' | 'refused' | 'doubtful'
  readonly status: number

  constructor(kind: EtcdFailure['kind'], message: string, code: number = status.UNAVAILABLE) {
    super(message)
    this.kind = kind
    this.status = code
  }
}

/** With these etcd says that it looked at the request and did nothing. */
const REFUSALS: readonly number[] = [
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]

export function toFailure(error: ServiceError): EtcdFailure {
  const kind = REFUSALS.includes(error.code) ? 'refused' : 'doubtful'
  const message = error.code === status.CANCELLED ? 'no answer in time' : error.details
  return new EtcdFailure(kind, message, error.code)
}

/** Whether the token that was sent is of no use: it ran out, etcd was restarted, or the users were changed. */
export function isStaleToken(error: unknown): boolean {
  if (!(error instanceof EtcdFailure)) return false
  // The second has the code of any malformed request; its text is part of etcd's API.
  return error.status === status.UNAUTHENTICATED || error.message === 'etcdserver: revision of auth store is old'
}

/** Whether etcd no longer has the revision that was asked for. */
export function isCompacted(error: unknown): boolean {
  return error instanceof EtcdFailure && error.status === status.OUT_OF_RANGE
}

/** What a failed call means to whoever uses the store; nothing was written. `could` is what could not be done. */
export function toOperational(could: string, error: unknown): unknown {
  if (!(error instanceof EtcdFailure)) return error
  // etcd has one code for being full and for being busy; the text is part of its API.
  if (error.message === 'etcdserver: mvcc: database space exceeded') {
    return new OperationalError('STORE_FULL', `cannot ${could}: etcd has no space left`, {
      hint: 'compact and defragment etcd, or raise its quota, then disarm its alarm',
      cause: error,
    })
  }
  if (error.message === 'etcdserver: request is too large' || isOverGrpcLimit(error)) {
    return new OperationalError('LIMIT_EXCEEDED', `cannot ${could}: it is larger than what etcd takes at once`, {
      hint: 'raise --max-request-bytes of etcd',
      cause: error,
    })
  }
  const hint = error.kind === 'unsent' ? 'does etcd run there, and may this machine reach it?' : ''
  return new OperationalError('UNAVAILABLE', `cannot ${could}: ${error.message}`, { hint, cause: error })
}

/** Beyond its own limit etcd's transport refuses with the code for being full. */
function isOverGrpcLimit(error: EtcdFailure): boolean {
  return error.status === status.RESOURCE_EXHAUSTED && error.message.startsWith('grpc: received message larger')
}

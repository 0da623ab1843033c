import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import {
  challengeFault,
  EXCHANGE_VERSION,
  exchangeContext,
  helloFault,
  proofFault,
  type SecretChallenge,
  type SecretHello,
  type SecretProof,
  type SecretWelcome,
} from '../../core/identity/cluster-secret.ts'
import type { Role } from '../../core/model/identity.ts'
import { agreeOnKey } from './shared-key.ts'
import { stretchSecret } from './stretched-secret.ts'

const NONCE_BYTES = 32

/** What both ends of one TLS 1.3 connection know, and nobody in between who has two of them (RFC 9266), in hex. */
export function channelOf(socket: TLSSocket): string {
  if (socket.getProtocol() !== 'TLSv1.3') {
    throw new OperationalError('UNAUTHENTICATED', 'cannot prove the cluster secret: the connection is not TLS 1.3')
  }
  return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('hex')
}

/** The first message of a machine that joins with the cluster secret. */
export function newHello(role: Role): SecretHello {
  return { version: EXCHANGE_VERSION, role, nonce: randomBytes(NONCE_BYTES).toString('hex') }
}

/** What a server knows of the cluster secret. */
export interface SecretKeeper {
  readonly clusterId: string
  readonly salt: string
  readonly stretched: Buffer
}

/** A challenge that was sent, and waits for its one answer. */
export interface OpenChallenge {
  readonly challenge: SecretChallenge
  /** The server's own proof for a machine that knows the secret. Throws UNAUTHENTICATED for any other, and for a second answer. */
  admit(proof: SecretProof): SecretWelcome
}

/** Challenges a joining machine. Forget the challenge when its connection ends. Throws USAGE for a malformed hello. */
export function openChallenge(keeper: SecretKeeper, hello: SecretHello, channel: string): OpenChallenge {
  const fault = helloFault(hello)
  if (fault !== null) throw new OperationalError('USAGE', `cannot let the machine join: ${fault}`)
  const { clusterId, salt, stretched } = keeper
  const said = { clusterId, salt, nonce: randomBytes(NONCE_BYTES).toString('hex') }
  const agreement = agreeOnKey('server', stretched, exchangeContext(hello, said, channel))
  let answered = false
  return {
    challenge: { ...said, share: agreement.share },
    admit(proof) {
      const proofs = answered || proofFault(proof) !== null ? null : agreement.prove(proof.share)
      answered = true
      if (proofs === null || !same(proofs.joiner, proof.proof)) {
        throw new OperationalError(
          'UNAUTHENTICATED',
          'cannot let the machine join: it does not know the cluster secret',
        )
      }
      return { proof: proofs.server }
    },
  }
}

/** A machine that has answered a challenge, and now waits for the server to prove itself. */
export interface Answered {
  readonly proof: SecretProof
  /** Throws UNAUTHENTICATED unless the server knows the secret. Until this has returned, nothing it says may be believed. */
  verify(welcome: SecretWelcome): void
}

/** Answers a server's challenge. Throws UNAUTHENTICATED for a malformed one. */
export async function answerChallenge(
  secret: string,
  hello: SecretHello,
  challenge: SecretChallenge,
  channel: string,
): Promise<Answered> {
  const fault = challengeFault(challenge)
  if (fault !== null) throw distrust(fault)
  const stretched = await stretchSecret(secret, challenge.salt)
  const agreement = agreeOnKey('joiner', stretched, exchangeContext(hello, challenge, channel))
  const proofs = agreement.prove(challenge.share)
  if (proofs === null) throw distrust('its share is unfit')
  return {
    proof: { share: agreement.share, proof: proofs.joiner },
    verify(welcome) {
      if (!same(proofs.server, welcome.proof)) throw distrust('it does not know the cluster secret')
    },
  }
}

function same(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function distrust(why: string): OperationalError {
  return new OperationalError('UNAUTHENTICATED', `cannot trust the server to join: ${why}`, {
    hint: 'compare the secret, and the address of the server',
  })
}

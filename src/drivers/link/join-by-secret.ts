import type { TLSSocket } from 'node:tls'
import * as z from 'zod'
import { OperationalError } from '../../core/errors.ts'
import type { SecretChallenge, SecretWelcome } from '../../core/identity/cluster-secret.ts'
import { ROLES } from '../../core/model/identity.ts'
import {
  answerChallenge,
  channelOf,
  newHello,
  type OpenChallenge,
  openChallenge,
  type SecretKeeper,
} from '../pki/secret-exchange.ts'
import { type Admitted, admitted, type Joining, joining } from './join-forms.ts'

// The exchange itself looks at what is in these; here they are only bounded.
const hex = z.string().max(1_024)
const hello = z.object({
  kind: z.literal('hello'),
  version: z.int(),
  role: z.enum(ROLES),
  nonce: hex,
})
const proof = z.object({ kind: z.literal('prove'), share: hex, proof: hex })
const entering = joining.omit({ role: true }).extend({ kind: z.literal('enter') })
const challenge = z.object({ clusterId: hex, salt: hex, nonce: hex, share: hex })
const welcome = z.object({ proof: hex })

/** What a machine says that joins with the cluster secret: hello, then its proof, then who it is. */
export const proving = [hello, proof, entering] as const

interface ProofServices {
  readonly keeper: () => SecretKeeper | null
  readonly beginProof: (address: string) => (() => void) | null
}

/** A server's side of one machine's proof, over one connection, which is good for one attempt. */
export class ProofOfSecret {
  readonly #socket: TLSSocket
  readonly #services: ProofServices
  #leavePlace: () => void = () => undefined
  #hello: z.infer<typeof hello> | null = null
  #open: OpenChallenge | null = null
  #proven = false

  constructor(socket: TLSSocket, services: ProofServices) {
    this.#socket = socket
    this.#services = services
  }

  /** Whether a challenge waits for its answer. */
  get isOpen(): boolean {
    return this.#open !== null
  }

  /** Throws RATE_LIMITED while many others are challenged: each costs this server some milliseconds. */
  challenge(message: z.infer<typeof hello>, address: string): SecretChallenge {
    if (this.#hello !== null) throw outOfTurn()
    const keeper = this.#services.keeper()
    if (keeper === null) {
      throw new OperationalError('UNAUTHENTICATED', 'cannot let the machine join: this cluster has no secret', {
        hint: '`gantry join-token create` on a server makes a token',
      })
    }
    const leavePlace = this.#services.beginProof(address)
    if (leavePlace === null)
      throw new OperationalError('RATE_LIMITED', 'many machines prove the cluster secret at this moment; try again')
    this.#leavePlace = leavePlace
    const { version, role, nonce } = message
    this.#open = openChallenge(keeper, { version, role, nonce }, channelOf(this.#socket))
    this.#hello = message
    return this.#open.challenge
  }

  /** Throws UNAUTHENTICATED for who does not know the secret. */
  check(message: z.infer<typeof proof>): SecretWelcome {
    const open = this.#open
    if (open === null) throw outOfTurn()
    this.#open = null
    const shown = open.admit(message)
    this.#proven = true
    return shown
  }

  /** Whatever has become of it: another machine may have its place. */
  end(): void {
    this.#leavePlace()
  }

  /** Who has proved that it knows the secret; the role is the one that it said hello with. */
  candidate({ name, addresses, request }: Omit<Joining, 'role'>): Joining {
    if (!this.#proven || this.#hello === null) throw outOfTurn()
    this.#proven = false
    return { role: this.#hello.role, name, addresses, request }
  }
}

function outOfTurn(): OperationalError {
  return new OperationalError('USAGE', 'that is not what comes next when a machine joins with the cluster secret')
}

/** One connection to a server, over which questions are asked one after the other. */
export interface Conversation {
  readonly socket: TLSSocket
  ask(question: object): Promise<unknown>
}

/** Joins over a connection that nobody vouches for: both ends prove the secret first. Throws UNAUTHENTICATED. */
export async function joinBySecret(
  { socket, ask }: Conversation,
  secret: string,
  { role, name, addresses, request }: Joining,
): Promise<Admitted> {
  const said = newHello(role)
  const asked = challenge.parse(await ask({ kind: 'hello', ...said }))
  const answered = await answerChallenge(secret, said, asked, channelOf(socket))
  answered.verify(welcome.parse(await ask({ kind: 'prove', ...answered.proof })))
  return admitted.parse(await ask({ kind: 'enter', name, addresses, request }))
}

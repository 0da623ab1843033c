import { beforeAll, expect, test } from 'vitest'
import { aMachine, anAuthority, CLUSTER_ID, handshake, type TlsPair } from '../../../test/pki-bed.ts'
import type { SecretChallenge, SecretProof } from '../../core/identity/cluster-secret.ts'
import { newClusterKey } from './seal.ts'
import { answerChallenge, channelOf, newHello, openChallenge, type SecretKeeper } from './secret-exchange.ts'
import { newStretchedSecret, openClusterSecret, sealClusterSecret } from './stretched-secret.ts'

const SECRET = 'theSecretOfTheUsers'
const clusterKey = newClusterKey()
let keeper: SecretKeeper

beforeAll(async () => {
  keeper = await keeperOf(SECRET)
})

async function keeperOf(secret: string): Promise<SecretKeeper> {
  const record = sealClusterSecret(clusterKey, CLUSTER_ID, await newStretchedSecret(secret))
  return {
    clusterId: CLUSTER_ID,
    salt: record.salt,
    stretched: openClusterSecret(clusterKey, CLUSTER_ID, record),
  }
}

/** The whole exchange between a machine and a server, with what each believes of the channel, and what happens on the way. */
async function exchange(options: {
  readonly secret?: string
  readonly keeper?: SecretKeeper
  readonly channels?: readonly [joiner: string, server: string]
  readonly onChallenge?: (challenge: SecretChallenge) => SecretChallenge
  readonly onProof?: (proof: SecretProof) => SecretProof
}): Promise<void> {
  const [joinerChannel, serverChannel] = options.channels ?? ['channel', 'channel']
  const pass = <T>(value: T): T => value
  const hello = newHello('agent')
  const open = openChallenge(options.keeper ?? keeper, hello, serverChannel)
  const challenge = (options.onChallenge ?? pass)(open.challenge)
  const answered = await answerChallenge(options.secret ?? SECRET, hello, challenge, joinerChannel)
  answered.verify(open.admit((options.onProof ?? pass)(answered.proof)))
}

test('a machine and a server that know the secret believe each other', async () => {
  await expect(exchange({})).resolves.toBeUndefined()
})

test('a machine with a wrong secret is not let in', async () => {
  await expect(exchange({ secret: 'aGuessThatIsNotRight' })).rejects.toThrow('cannot let the machine join')
})

test('a server that does not know the secret is not believed', async () => {
  const hello = newHello('agent')
  const impostor = openChallenge(await keeperOf('anotherSecretOfSixteen'), hello, 'channel')
  const answered = await answerChallenge(SECRET, hello, impostor.challenge, 'channel')
  const made = { proof: answered.proof.proof }
  for (const welcome of [made, { proof: '' }, { proof: '0'.repeat(64) }]) {
    expect(() => answered.verify(welcome)).toThrow('cannot trust the server to join')
  }
})

test('somebody in between, who passes every message on, is found out by the channel', async () => {
  await expect(exchange({ channels: ['to him', 'from him'] })).rejects.toThrow('cannot let the machine join')
})

test('whatever is changed on the way makes the exchange fail', async () => {
  const other = '1'.repeat(64)
  const changes: readonly Partial<SecretChallenge>[] = [
    { clusterId: 'fedcba9876543210' },
    { salt: '0'.repeat(32) },
    { nonce: other },
    { share: '2'.repeat(768) },
  ]
  for (const change of changes) {
    await expect(exchange({ onChallenge: (said) => ({ ...said, ...change }) })).rejects.toThrow('cannot')
  }
  await expect(exchange({ onProof: (said) => ({ ...said, proof: other }) })).rejects.toThrow('cannot let')
  await expect(exchange({ onProof: (said) => ({ ...said, share: '2'.repeat(768) }) })).rejects.toThrow('cannot let')
})

test('a challenge takes one answer: a second guess needs a new one', async () => {
  const hello = newHello('agent')
  const open = openChallenge(keeper, hello, 'channel')
  const { proof } = await answerChallenge(SECRET, hello, open.challenge, 'channel')
  expect(() => open.admit({ ...proof, proof: '0'.repeat(64) })).toThrow('cannot let')
  expect(() => open.admit(proof)).toThrow('cannot let')
})

test('an answer to one challenge is none to another', async () => {
  const hello = newHello('agent')
  const { proof } = await answerChallenge(SECRET, hello, openChallenge(keeper, hello, 'c').challenge, 'c')
  expect(() => openChallenge(keeper, hello, 'c').admit(proof)).toThrow('cannot let')
})

test('malformed messages are refused by whoever gets them', async () => {
  const hello = newHello('agent')
  expect(() => openChallenge(keeper, { ...hello, version: 9 }, 'c')).toThrow('it speaks version 9')
  const { challenge } = openChallenge(keeper, hello, 'c')
  await expect(answerChallenge(SECRET, hello, { ...challenge, share: '' }, 'c')).rejects.toThrow(
    'its share is malformed',
  )
  const one = { ...challenge, share: '1'.padStart(768, '0') }
  await expect(answerChallenge(SECRET, hello, one, 'c')).rejects.toThrow('its share is unfit')
})

test('nothing that is sent or kept shows the secret, or its stretched form', async () => {
  const hello = newHello('agent')
  const open = openChallenge(keeper, hello, 'channel')
  const answered = await answerChallenge(SECRET, hello, open.challenge, 'channel')
  const kept = sealClusterSecret(clusterKey, CLUSTER_ID, await newStretchedSecret(SECRET))
  const said = JSON.stringify([hello, open.challenge, answered.proof, open.admit(answered.proof), kept])
  for (const part of [SECRET, keeper.stretched.toString('hex'), keeper.stretched.toString('base64')]) {
    expect(said).not.toContain(part)
  }
})

test('the channel is the same at both ends of a connection, another on the next, and only there with TLS 1.3', async () => {
  const machine = await aMachine(await anAuthority(), { role: 'server' })
  const listening = { key: machine.key, cert: machine.certificate }
  // A joining machine cannot verify the certificate yet: that is what the exchange is for.
  const dialling = { rejectUnauthorized: false }
  const channels = ({ client, server }: TlsPair) => [channelOf(client), channelOf(server)]
  const first = await handshake(listening, dialling, channels)
  const second = await handshake(listening, dialling, channels)
  expect(first[0]).toMatch(/^[0-9a-f]{64}$/)
  expect([first[0] === first[1], second[0] === second[1], first[0] === second[0]]).toEqual([true, true, false])
  await expect(handshake({ ...listening, maxVersion: 'TLSv1.2' }, dialling, channels)).rejects.toThrow('not TLS 1.3')
})

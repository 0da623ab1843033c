import { afterEach, beforeEach, expect, test } from 'vitest'
import { type NodeBed, openNodeBed } from '../../test/node-bed.ts'
import { type SimpleAgent, simpleAgent } from '../../test/simple-agent.ts'
import type { AgentMessage } from '../core/model/message.ts'

let bed: NodeBed
beforeEach(async () => {
  bed = await openNodeBed()
})
afterEach(() => bed.stop())

interface Remote extends SimpleAgent {
  readonly isClosed: () => boolean
  readonly say: (message: AgentMessage) => void
}

/** Node 1 on a connection that shows its certificate. */
function remote(): Remote {
  const agent = simpleAgent(bed.clock, { machineId: 'a', name: 'a:7946', hostname: 'a', nodeId: 1 })
  let closed = false
  let tell: (message: AgentMessage) => void = () => undefined
  return {
    ...agent,
    peer: { clusterId: '0123456789abcdef', role: 'agent', nodeId: 1, serial: 's', notAfter: 0, keyHash: () => 'k' },
    onMessage: (handle) => {
      tell = handle
      agent.onMessage(handle)
    },
    close: () => {
      closed = true
      agent.close()
    },
    isClosed: () => closed,
    say: (message) => tell(message),
  }
}

const warned = (): string[] =>
  bed.api
    .cluster()
    .conditions.filter(({ kind }) => kind === 'agent too eager')
    .map(({ kind, severity, message }) => `${kind}, ${severity}: ${message}`)

const TOO_EAGER =
  'agent too eager, warning: the agent of node 1 (a:7946) connects or says hello too often, and is sent away'

/** What says hello on a connection, as it was said first. */
async function helloOf(agent: Remote): Promise<AgentMessage> {
  const heard = Promise.withResolvers<AgentMessage>()
  bed.server.accept({
    ...agent,
    onMessage: (handle) =>
      agent.onMessage((message) => {
        heard.resolve(message)
        handle(message)
      }),
  })
  await bed.pass(100)
  return heard.promise
}

test('an agent that says hello endlessly is cut off, people are told, and it is heard again when it has calmed down', async () => {
  await bed.join('a')
  const eager = remote()
  const hello = await helloOf(eager)
  for (let times = 0; times < 50; times += 1) eager.say(hello)
  await bed.pass(100)
  expect(eager.isClosed()).toBe(false)
  expect(warned()).toEqual([])
  for (let times = 0; times < 500; times += 1) eager.say(hello)
  await bed.pass(100)
  expect(eager.isClosed()).toBe(true)
  expect(warned()).toEqual([TOO_EAGER])

  await bed.pass(61_000)
  expect(warned()).toEqual([])
  const calm = remote()
  await helloOf(calm)
  expect(calm.isClosed()).toBe(false)
  expect(calm.heard.some(({ kind }) => kind === 'assignment')).toBe(true)
})

test('an agent that connects over and over is sent away before it is heard, and no other one is', async () => {
  await bed.join('a')
  const agents = Array.from({ length: 300 }, remote)
  for (const agent of agents) bed.server.accept(agent)
  await bed.pass(10)
  expect(agents.at(-1)?.isClosed()).toBe(true)
  expect(agents.at(-1)?.heard).toEqual([])
  expect(warned()).toEqual([TOO_EAGER])
  const other = await bed.join('b')
  expect(other.heard.some(({ kind }) => kind === 'assignment')).toBe(true)
})

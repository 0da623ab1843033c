import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aService, aTask } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import { anAssignment } from '../../../test/link-bed.ts'
import type { Assignment } from '../../core/model/message.ts'
import type { Task } from '../../core/model/task.ts'
import { type AssignmentDelta, DeltaReceiver, DeltaSender } from './assignment-delta.ts'
import { serverMessage } from './messages.ts'

/** As it comes out at the other end of the wire. */
function overTheWire(delta: AssignmentDelta): AssignmentDelta {
  return serverMessage.parse(JSON.parse(JSON.stringify(delta))) as AssignmentDelta
}

const aSomeTask: fc.Arbitrary<Task> = fc
  .record({
    slot: fc.integer({ min: 1, max: 8 }),
    desired: fc.constantFrom('prepared', 'running', 'stopped'),
    replicas: fc.integer({ min: 1, max: 2 }),
    node: fc.constantFrom(1, null),
    message: fc.constantFrom('', 'pulling', 'ü'),
    hostPorts: fc.constantFrom([], [{ container: 80, host: 8080, protocol: 'tcp' as const }]),
  })
  .map(({ replicas, message, ...change }) => aTask({ ...change, spec: aService({ replicas }), status: { message } }))

const someAssignments = fc.array(
  fc.record({
    tasks: fc.uniqueArray(aSomeTask, { maxLength: 8, selector: ({ id }) => id }),
    revision: fc.integer({ min: 0, max: 9 }),
  }),
  { maxLength: 8 },
)

test('assignments arrive as they were sent, in their order, whatever came before', () => {
  fc.assert(
    fc.property(someAssignments, (list) => {
      const [sender, receiver] = [new DeltaSender(), new DeltaReceiver()]
      for (const { tasks, revision } of list) {
        const plain = anAssignment(tasks)
        const sent: Assignment = deepFreeze({ ...plain, authority: { ...plain.authority, revision } })
        expect(receiver.next(overTheWire(sender.next(sent)))).toStrictEqual(sent)
      }
    }),
  )
})

test('an assignment that changes nothing travels without any task', () => {
  fc.assert(
    fc.property(fc.uniqueArray(aSomeTask, { maxLength: 8, selector: ({ id }) => id }), (tasks) => {
      const sender = new DeltaSender()
      sender.next(anAssignment(tasks))
      const again = sender.next(anAssignment(structuredClone(tasks)))
      expect(again).toMatchObject({ anew: false, added: [], changed: [], removed: [], order: null })
    }),
  )
})

test('of a task that changes only what changed travels', () => {
  const sender = new DeltaSender()
  const tasks = [aTask({ slot: 1 }), aTask({ slot: 2 })] as const
  sender.next(anAssignment(tasks))
  const delta = sender.next(anAssignment([tasks[0], { ...structuredClone(tasks[1]), desired: 'stopped' }]))
  expect(delta).toMatchObject({ added: [], changed: [{ id: 'web.2.1', set: { desired: 'stopped' } }], removed: [] })
  expect(Object.keys(delta.changed[0]?.set ?? {})).toEqual(['desired'])
})

test('tasks that stay as they are stay the same objects for their receiver', () => {
  const [sender, receiver] = [new DeltaSender(), new DeltaReceiver()]
  const tasks = [aTask({ slot: 1 }), aTask({ slot: 2 })] as const
  const before = receiver.next(overTheWire(sender.next(anAssignment(tasks))))
  const after = receiver.next(overTheWire(sender.next(anAssignment([tasks[0], { ...tasks[1], because: 'why not' }]))))
  expect(after.tasks[0]).toBe(before.tasks[0])
  expect(after.tasks[1]).not.toBe(before.tasks[1])
})

test('a difference from something that was not received is refused', () => {
  const sender = new DeltaSender()
  const tasks = [aTask({ slot: 1 }), aTask({ slot: 2 })] as const
  sender.next(anAssignment(tasks))
  const later = [
    [{ ...tasks[0], because: 'changed' }, tasks[1]],
    [{ ...tasks[0], because: 'changed' }],
    [tasks[1], { ...tasks[0], because: 'changed' }],
  ].map((some) => sender.next(anAssignment(some)))
  for (const delta of later) {
    expect(() => new DeltaReceiver().next(delta)).toThrow('as the difference from one that never arrived')
    const other = new DeltaReceiver()
    other.next(new DeltaSender().next(anAssignment([aTask({ slot: 7 })])))
    expect(() => other.next(delta)).toThrow('as the difference from one that never arrived')
  }
})

test('a change cannot give a task another name', () => {
  const [sender, receiver] = [new DeltaSender(), new DeltaReceiver()]
  receiver.next(sender.next(anAssignment([aTask()])))
  const delta = { ...sender.next(anAssignment([aTask()])), changed: [{ id: 'web.1.1', set: { id: 'web.2.1' } }] }
  expect(() => receiver.next(delta)).toThrow('as the difference from one that never arrived')
})

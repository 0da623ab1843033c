import type { Task } from '../../src/core/model/task.ts'
import type { Fact } from './facts.ts'

/** One line for people; null: not worth one. */
export function describeFact(fact: Fact): string | null {
  switch (fact.kind) {
    case 'commit': {
      const events = fact.commit.events.map(({ message }) => message).join('; ')
      return `commit ${fact.batch.revision} of ${fact.author}: ${events === '' ? fact.batch.changes.map(({ key }) => key).join(' ') : events}`
    }
    case 'call':
      return `${fact.node} ${fact.call} ${fact.container.order.taskId}`
    case 'ended':
      return `${fact.node} ended ${fact.container.order.taskId} by ${fact.cause} with ${fact.container.exitCode}`
    case 'created':
    case 'started':
    case 'removed':
      return `${fact.node} ${fact.kind} ${fact.container.order.taskId} (${fact.container.id})`
    case 'port-clash':
      return `${fact.node} port of ${fact.container.order.taskId} is held by ${fact.holder.order.taskId}`
    case 'start-unanswered':
      return `${fact.node} start of ${fact.taskId} is not answered`
    case 'cached':
    case 'renewal-asked':
    case 'armed':
      return null
    case 'to-server':
      return fact.message.kind === 'hello'
        ? `${fact.node} says hello to ${fact.server}`
        : fact.message.kind === 'renew'
          ? `${fact.node} asks ${fact.server} to renew its leases, round ${fact.message.round}`
          : `${fact.node} reports ${fact.message.statuses.map(({ taskId, status }) => `${taskId} ${status.state}${status.ready ? '!' : ''}`).join(', ')}`
    case 'to-agent':
      return fact.message.kind === 'refused'
        ? `${fact.server} refuses ${fact.node}: ${fact.message.message}`
        : fact.message.kind === 'elsewhere'
          ? `${fact.server} sends ${fact.node} away`
          : fact.message.kind === 'trust'
            ? `${fact.server} tells ${fact.node} to believe ${fact.message.bundle}`
            : fact.message.kind === 'renewed'
              ? `${fact.server} renews for ${fact.node}, round ${fact.message.round}: ${fact.message.tasks.join(', ')}`
              : `${fact.server} assigns ${fact.node}: ${fact.message.tasks.map(print).join(', ')}`
    case 'agent-died':
    case 'parking':
    case 'rebooted':
      return `${fact.node} ${fact.kind}`
    case 'log':
      return `${fact.process} ${fact.level}: ${fact.text}`
  }
}

function print({ id, desired, status }: Task): string {
  return `${id} ${desired}/${status.state}`
}

import { OperationalError } from '../core/errors.ts'
import type { Millis, TaskId } from '../core/model/ids.ts'
import type { TaskSample } from '../core/model/message.ts'
import type { RuntimeDescription } from '../core/model/node.ts'
import type { Host } from '../ports/host.ts'
import type { AgentCalls } from '../ports/link.ts'
import type { Reach } from '../ports/reach.ts'
import type { Container, ContainerStats, Runtime } from '../ports/runtime.ts'
import type { Containers } from './containers.ts'

/** What servers may ask of this agent at any time. */
export function agentCalls(
  containers: Containers,
  runtimes: readonly Runtime[],
  host: Host,
  reach: Reach,
  describe: () => Promise<readonly RuntimeDescription[]>,
): AgentCalls {
  const lastStats = new Map<TaskId, ContainerStats>()
  return {
    async *logs(taskId, query, signal) {
      const { runtime, container } = find(containers, taskId)
      yield* runtime.logs(container.id, query, signal)
    },
    exec: async (taskId, request) => {
      const { runtime, container } = find(containers, taskId)
      if (container.state !== 'running') throw new OperationalError('CONFLICT', `${taskId} is not running`)
      return runtime.exec(container.id, request)
    },
    docker: (request) => host.docker(request),
    survey: async (images) => {
      const [descriptions, ...present] = await Promise.all([
        describe(),
        ...runtimes.map((runtime) => runtime.presentImages(images).catch(unanswered)),
      ])
      return { runtimes: descriptions, presentImages: [...new Set(present.flat())] }
    },
    samples: async () => {
      const running = [...containers.all()].filter(({ container }) => container.state === 'running')
      const samples = await Promise.all(running.map(({ container }) => sample(containers, container.taskId, lastStats)))
      return samples.filter((one) => one !== null)
    },
    hostStats: () => host.stats(),
    answers: (address, withinMs) => reach.answers(address, withinMs),
  }
}

/** A runtime that does not answer has nothing to say; its state is told elsewhere. */
function unanswered(error: unknown): readonly string[] {
  if (error instanceof OperationalError) return []
  throw error
}

function find(containers: Containers, taskId: TaskId): { runtime: Runtime; container: Container } {
  for (const { kind, container } of containers.all()) {
    const runtime = containers.runtime(kind)
    if (container.taskId === taskId && runtime !== null) return { runtime, container }
  }
  throw new OperationalError('NOT_FOUND', `${taskId} has no container on this node`)
}

async function sample(
  containers: Containers,
  taskId: TaskId,
  last: Map<TaskId, ContainerStats>,
): Promise<TaskSample | null> {
  try {
    const { runtime, container } = find(containers, taskId)
    const stats = await runtime.stats(container.id)
    const before = last.get(taskId)
    last.set(taskId, stats)
    const since: Millis = before === undefined ? (container.startedAt ?? stats.at) : before.at
    const used = before === undefined || before.cpuMs > stats.cpuMs ? stats.cpuMs : stats.cpuMs - before.cpuMs
    const cpuMillis = stats.at > since ? Math.round((used * 1000) / (stats.at - since)) : 0
    return { taskId, cpuMillis, memoryBytes: stats.memoryBytes, at: stats.at }
  } catch (error) {
    // It may have ended between the look and the question; it is left out then.
    if (error instanceof OperationalError) return null
    throw error
  }
}

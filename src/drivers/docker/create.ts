import { mkdir } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../core/errors.ts'
import type { ContainerOrder, PullProgress } from '../../ports/runtime.ts'
import type { EngineConnection } from './connection.ts'
import { type CreateContext, createJson, dataDirectory, namedNetwork } from './create-json.ts'
import { garbled } from './errors.ts'
import { parseImage } from './image-reference.ts'
import type { Images } from './images.ts'
import { containerName } from './labels.ts'
import type { Networks } from './networks.ts'
import type { OwnContainers } from './own-containers.ts'

export interface CreateDeps {
  readonly connection: EngineConnection
  readonly images: Images
  readonly networks: Networks
  readonly containers: OwnContainers
}

// A name is taken a moment before its container can be seen.
const NAME_LOOKS = 150
const NAME_LOOK_MS = 20

/**
 * Creates the container of an order and returns its id; the id of the one that is there, if the answer to an earlier
 * call was lost. The image is pulled only if the engine says that it lacks it, so one that is present costs no call.
 */
export async function createContainer(
  order: ContainerOrder,
  context: CreateContext,
  deps: CreateDeps,
  onProgress: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted()
  const image = order.spec.image ?? ''
  parseImage(image)
  const body = createJson(order, context)
  await makeDataDirectory(order, context)
  const network = namedNetwork(order.spec)
  if (network !== null) await deps.networks.ensure(network)
  try {
    return await post(order, body, context, deps, signal)
  } catch (error) {
    if (!(error instanceof OperationalError) || error.code !== 'IMAGE_UNAVAILABLE') throw error
  }
  await deps.images.pull(image, onProgress, signal)
  return post(order, body, context, deps, signal)
}

async function post(
  order: ContainerOrder,
  body: object,
  { clusterId }: CreateContext,
  deps: CreateDeps,
  signal: AbortSignal,
): Promise<string> {
  const name = containerName(order.taskId, clusterId)
  const doing = `create container ${order.taskId}`
  const { status, body: answer } = await deps.connection.call({
    method: 'POST',
    path: '/containers/create',
    query: { name },
    body,
    doing,
    accept: [409],
    signal,
  })
  if (status === 409) return existing(name, order, deps, signal)
  const id = (answer as { Id?: unknown } | null)?.Id
  if (typeof id !== 'string') throw garbled(doing, 'names no container')
  deps.containers.remember({ id, taskId: order.taskId, tty: false, stopSignal: order.spec.stopSignal })
  return id
}

/** The container that has the name already. */
async function existing(
  name: string,
  order: ContainerOrder,
  { connection, containers }: CreateDeps,
  signal: AbortSignal,
): Promise<string> {
  for (let look = 0; look < NAME_LOOKS; look++) {
    const own = await containers.named(name)
    if (own?.taskId === order.taskId) return own.id
    const { status } = await connection.call({
      method: 'GET',
      path: `/containers/${encodeURIComponent(name)}/json`,
      doing: `inspect container ${name}`,
      accept: [404],
    })
    if (status !== 404) {
      // It may have come to be seen between the two questions, and be ours.
      const seen = await containers.named(name)
      if (seen?.taskId === order.taskId) return seen.id
      break
    }
    await pause(NAME_LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
  throw new OperationalError(
    'ALREADY_EXISTS',
    `cannot create container ${order.taskId}: another has the name ${name}`,
    {
      hint: `see what it is with: docker inspect ${name}`,
    },
  )
}

async function makeDataDirectory({ service, spec, taskId }: ContainerOrder, { dataDir }: CreateContext): Promise<void> {
  if (!spec.mounts.some(({ kind }) => kind === 'data')) return
  const path = dataDirectory(dataDir, service)
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    const { code = 'unknown error' } = error as { code?: string }
    throw new OperationalError('RUNTIME_REFUSED', `cannot create container ${taskId}: cannot make ${path}: ${code}`, {
      cause: error,
    })
  }
}

import { mkdir, readFile } from 'node:fs/promises'
import { OperationalError } from '../../core/errors.ts'
import { fileFailure } from '../../lib/file-failure.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import { errorCode, isAbsent, replaceFile } from '../durable-text.ts'
import type { TaskDirectory } from './task-directory.ts'

const FORMAT = 1

/** What stands in a task's directory: its order, and whose it is. */
interface OrderFile {
  readonly format: typeof FORMAT
  readonly clusterId: string
  readonly order: ContainerOrder
}

/** Makes the directory and its parts; the order comes last, so a directory with an order is complete. */
export async function writeOrder(directory: TaskDirectory, clusterId: string, order: ContainerOrder): Promise<void> {
  // The program may run as somebody else and must reach its working directory, but list nothing on the way.
  await mkdir(directory.path, { recursive: true, mode: 0o711 })
  await mkdir(directory.cwd, { recursive: true, mode: 0o755 })
  await mkdir(directory.state, { recursive: true, mode: 0o700 })
  await mkdir(directory.logs, { recursive: true, mode: 0o700 })
  const content: OrderFile = { format: FORMAT, clusterId, order }
  await replaceFile(directory.order, JSON.stringify(content))
}

/** null: never completely created. Throws STORE_CORRUPT when it is damaged or of another format. */
export async function readOrder(directory: TaskDirectory): Promise<OrderFile | null> {
  const text = await readText(directory.order)
  if (text === null) return null
  const content = parse(text)
  if (content?.format !== FORMAT || typeof content.order?.taskId !== 'string') {
    throw new OperationalError('STORE_CORRUPT', `the order of process ${directory.id} is damaged`)
  }
  return content
}

function parse(text: string): OrderFile | null {
  try {
    return JSON.parse(text) as OrderFile | null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isAbsent(error)) return null
    throw new OperationalError('STORE_CORRUPT', `cannot read ${path}: ${fileFailure(errorCode(error))}`, {
      cause: error,
    })
  }
}

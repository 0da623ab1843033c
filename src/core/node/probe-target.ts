import type { Task } from '../model/task.ts'

/** Where a task's port is reached from its own node; null while it has no address. */
export function portTarget(
  task: Task,
  address: string | null,
  port: number,
): { readonly host: string; readonly port: number } | null {
  const { container } = task.spec
  if (container.image === null) {
    const given = task.hostPorts.find((binding) => binding.container === port)
    return { host: '127.0.0.1', port: given?.host ?? port }
  }
  if (container.networkMode === 'host') return { host: '127.0.0.1', port }
  if (address !== null) return { host: address, port }
  const published = task.hostPorts.find((binding) => binding.container === port)
  return published === undefined ? null : { host: '127.0.0.1', port: published.host }
}

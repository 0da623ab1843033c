import { OperationalError } from '../core/errors.ts'

/** Throws PREREQUISITE where the store may lose what it acknowledged: what runs would be forgotten, or run twice. */
export function requireTasks({ isVolatile }: { readonly isVolatile: boolean }): void {
  if (!isVolatile) return
  throw new OperationalError(
    'PREREQUISITE',
    'cannot run anything here: several servers keep the state in their memories',
    {
      hint: 'start them with --backend-type managed-etcd, or with an etcd or ZooKeeper of your own; see docs/cluster.md',
    },
  )
}

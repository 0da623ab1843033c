import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Strategy } from '../core/schedule/strategy.ts'
import { invariant } from '../lib/assert.ts'
import type { PassDeps } from './pass.ts'
import { reconcileManifest } from './reconcile-manifest.ts'
import { reconcileNode } from './reconcile-node.ts'
import { type Resting, reconcileService } from './reconcile-service.ts'
import { scheduleTasks } from './schedule-tasks.ts'

/** Runs the pass that a key asks for. */
export function reconcile(
  key: string,
  deps: PassDeps,
  {
    strategy,
    isAway,
    resting,
  }: { readonly strategy: Strategy; readonly isAway: (node: NodeId) => boolean; readonly resting: Resting },
): Promise<Millis | null> {
  if (key === 'schedule') return scheduleTasks(deps, strategy, isAway)
  if (key === 'manifest') return reconcileManifest(deps)
  if (key.startsWith('standing:')) return reconcileNode(Number(key.slice('standing:'.length)), deps)
  invariant(key.startsWith('service:'), `no pass for key ${key}`)
  return reconcileService(key.slice('service:'.length), deps, resting)
}

/** The node that a key asks to be told its tasks; null: another pass. */
export function publishedNode(key: string): NodeId | null {
  return key.startsWith('node:') ? Number(key.slice('node:'.length)) : null
}

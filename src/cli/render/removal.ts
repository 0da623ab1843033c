import type { RemovalPlan } from '../../main/install/uninstall.ts'

/** What an uninstall would do, in words. */
export function removalText(plan: RemovalPlan, keepData: boolean): string {
  const { volume, unit, tasks } = plan
  const kept = keepData ? ', without the data of services in volumes/' : ''
  return [
    `${who(plan)} is taken away:`,
    ...(tasks.length === 0 ? [] : [`  - stopped and removed: ${tasks.join(', ')}`]),
    ...clusterLines(plan),
    ...(unit === null ? [] : [`  - ${unit}`]),
    `  - everything in ${volume}${kept}`,
  ].join('\n')
}

function who({ role, nodeId, state }: RemovalPlan): string {
  if (state === 'installing') return 'An install that was interrupted'
  return nodeId === null
    ? `A ${role} that has not joined`
    : `Node ${nodeId}, ${role === 'server' ? 'a server' : 'an agent'},`
}

function clusterLines({
  role,
  nodeId,
  servers,
  reached,
  othersStop,
  endsCluster,
  backend,
}: RemovalPlan): readonly string[] {
  if (nodeId === null) return []
  if (endsCluster) return ['  - the cluster: this is its only server, and its state, users and authority go with it']
  const told = `  - node ${nodeId} in the cluster; what it ran is started elsewhere, if it may`
  const lines =
    servers.length === 0 || reached ? [told] : [`  - not told to the cluster: none of ${servers.join(', ')} answers`]
  if (role !== 'server') return lines
  return servers.length === 0
    ? [`  - the only server that is known here; the state stays in ${backend}`]
    : [
        ...lines,
        othersStop === null
          ? '  - a server: the others go on, and lead without it'
          : `  - a server: the others stand still without it: ${othersStop}`,
      ]
}

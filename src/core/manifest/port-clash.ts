import { type Port, type ServiceSpec, specOn } from '../model/service.ts'
import type { Path } from './path.ts'
import type { Loaded } from './references.ts'

/**
 * Host ports that two services want on the same node for certain: both run on every node of one placement, or of the
 * cluster. Replicas that only may meet are the scheduler's business.
 */
export function clashingPorts(services: readonly Loaded[]): readonly { path: Path; message: string }[] {
  const holders = new Map<string, string>()
  const clashes: { path: Path; message: string }[] = []
  const everywhere = services.filter(({ spec }) => spec.mode === 'global')
  const placements = new Set(everywhere.flatMap(({ spec }) => spec.placements))
  for (const placement of [null, ...placements]) {
    for (const { spec, path } of everywhere) {
      if (!runsOn(spec, placement)) continue
      for (const port of hostPorts(spec, placement)) {
        const key = `${placement ?? ''} ${port.host}/${port.protocol}`
        const holder = holders.get(key)
        if (holder === undefined) holders.set(key, spec.name)
        else if (!clashes.some((clash) => clash.path === path)) {
          const where = placement === null ? 'every node' : `each node of ${placement}`
          clashes.push({
            path,
            message: `${holder} and ${spec.name} both want host port ${port.host}/${port.protocol} on ${where}`,
          })
        }
      }
    }
  }
  return clashes
}

/** null: nodes of any placement. */
function runsOn(spec: ServiceSpec, placement: string | null): boolean {
  return spec.placements.length === 0 || (placement !== null && spec.placements.includes(placement))
}

function hostPorts(spec: ServiceSpec, placement: string | null): readonly Port[] {
  const { container } = placement === null ? spec : specOn(spec, placement)
  const taken =
    container.networkMode === 'host'
      ? container.ports.map((port) => ({ ...port, host: port.container }))
      : container.ports
  return taken.filter(({ host }) => host !== null)
}

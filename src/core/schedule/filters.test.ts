import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { ask, demandOf, takes } from './demand.ts'
import { FILTERS } from './filters.ts'
import { chargeFleet } from './fleet.ts'

test('the fast answer is the answer of the filters', () => {
  const numbers = fc.constantFrom(0, 1, 5, 9)
  const resources = fc.record({ cpuMillis: numbers, memoryBytes: numbers, diskBytes: numbers })
  fc.assert(
    fc.property(
      resources,
      resources,
      fc.constantFrom('ready' as const, 'unreachable' as const),
      fc.constantFrom('active' as const, 'drain' as const),
      fc.boolean(),
      fc.constantFrom(80, 81),
      fc.subarray(['default', 'db']),
      (capacity, needed, status, availability, available, host, placements) => {
        const runtimes = [{ kind: 'docker' as const, available, version: '', message: '', unsupported: {} }]
        const node = aNode({ capacity, status, availability, runtimes })
        const port = { container: 80, protocol: 'tcp' as const }
        const alive = [aTask({ hostPorts: [{ ...port, host: 80 }] })]
        const fleet = chargeFleet([node], alive)
        const demand = demandOf(
          aService({ placements, resources: needed, container: { ports: [{ ...port, host }] } }),
          fleet,
        )
        const refusals = FILTERS.map(({ refuse }) => refuse(ask(fleet, 0, demand)))
        expect(takes(fleet, 0, demand, null) !== null).toBe(refusals.every((refusal) => refusal === null))
      },
    ),
  )
})

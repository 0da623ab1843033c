import * as z from 'zod'
import { AGENT_KEYS } from './agent-sections.ts'
import { key, required, wholeNumber } from './schema-key.ts'
import { kebabLimitKeys, limitKeys } from './schema-limits.ts'
import { portsForm } from './schema-parts.ts'
import { serviceForm } from './schema-service.ts'

/** What one placement sets for one service. */
export const placedServiceForm = z.strictObject({
  seeds: key(wholeNumber(1, 9), 'How many predictable addresses are published to the service.', { absent: 'none' }),
  ports: key(portsForm, 'Ports published on the nodes of this placement.', { absent: 'the service’s' }),
  instances: key(z.union([wholeNumber(0, 10_000), z.string()]), 'Number of tasks in all.', {
    absent: 'one on each node',
  }),
  ...limitKeys,
  ...kebabLimitKeys,
})
export type PlacedServiceForm = z.infer<typeof placedServiceForm>

export const placementForm = z.strictObject({
  inherits: key(
    z.string().min(1),
    'Another placement, `base` or `base(0.7)`: its services, with memory and processors scaled.',
  ),
  services: key(z.record(z.string(), placedServiceForm.nullable()), 'The services of the placement.', {
    absent: 'required without `inherits`',
  }),
})
export type PlacementForm = z.infer<typeof placementForm>

const agentKeys = Object.fromEntries(
  Object.entries(AGENT_KEYS).map(([name, schema]) => [
    name,
    key(schema.nullable(), 'A setting of the agent, not of the manifest.'),
  ]),
)

/** A manifest, for editors; the loader checks its parts one by one to find all problems at once. */
export const manifestForm = z.strictObject({
  services: required(
    z.union([z.record(z.string(), serviceForm), z.array(serviceForm)]),
    'Services by name, or a list of services that name themselves.',
  ),
  placements: key(z.record(z.string(), placementForm), 'Roles of nodes and what runs on them.', { absent: 'none' }),
  ...agentKeys,
})

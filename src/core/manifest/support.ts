import type { RuntimeDescription } from '../model/node.ts'
import { type Limits, type RuntimeKind, runtimeOf, type ServiceSpec } from '../model/service.ts'
import { manifestName } from './field-names.ts'

/** A field that is set and takes no effect, in the words of the manifest. */
export interface Unsupported {
  readonly field: string
  readonly because: string
  /** Whether the runtime refuses the task rather than run it without. */
  readonly refused: boolean
}

/** A feature that a service needs and that this version does not have. */
export interface RefusedFeature {
  readonly field: string
  readonly because: string
  readonly feature: 'overlay' | 'files'
}

interface FieldSupport {
  /** Whether the spec asks for it. */
  readonly isSet: (spec: ServiceSpec) => boolean
  /** Why a runtime cannot honour it, whatever the machine. What a machine lacks, the runtime's description says. */
  readonly refusedBy?: Readonly<Partial<Record<RuntimeKind, string>>>
  /** A task is refused where it cannot be honoured: without it, it would run with other rights than asked for. */
  readonly orRefused?: true
  /** Why no runtime honours it in this version. */
  readonly notYet?: string
}

const SHARED = { process: 'a process shares the file system, network and rights of the node' }
const some = (value: object): boolean => Object.keys(value).length > 0
const limit = (name: keyof Limits, refusedBy?: FieldSupport['refusedBy']): FieldSupport => ({
  isSet: ({ container }) => container.limits[name] !== null,
  ...(refusedBy && { refusedBy }),
})

/**
 * Every field that depends on the runtime, by the name that runtimes use in their descriptions. The table in the
 * reference page is made from it.
 */
export const FIELD_SUPPORT: Readonly<Record<string, FieldSupport>> = {
  image: {
    isSet: ({ container }) => container.image !== null,
    refusedBy: { process: 'a process runs a program of the node' },
  },
  entrypoint: { isSet: ({ container }) => container.entrypoint !== null },
  command: { isSet: ({ container }) => container.command !== null },
  env: { isSet: ({ container }) => some(container.env) },
  ports: { isSet: ({ container }) => container.ports.length > 0 },
  'mounts.bind': { isSet: ({ container }) => container.mounts.some(({ kind }) => kind === 'bind'), refusedBy: SHARED },
  'mounts.volume': {
    isSet: ({ container }) => container.mounts.some(({ kind }) => kind === 'volume'),
    refusedBy: SHARED,
  },
  'mounts.data': { isSet: ({ container }) => container.mounts.some(({ kind }) => kind === 'data') },
  // A process has the network of its node, so `host` is what it gets.
  networkMode: {
    isSet: ({ container }) => container.networkMode === 'none' || isNodeNetwork(container),
    refusedBy: SHARED,
  },
  network: { isSet: ({ container }) => container.network !== null, refusedBy: SHARED },
  dns: { isSet: ({ container }) => container.dns.length > 0, refusedBy: SHARED },
  extraHosts: { isSet: ({ container }) => container.extraHosts.length > 0, refusedBy: SHARED },
  hostname: { isSet: ({ container }) => container.hostname !== null, refusedBy: SHARED },
  user: { isSet: ({ container }) => container.user !== null, orRefused: true },
  workingDir: { isSet: ({ container }) => container.workingDir !== null },
  labels: { isSet: ({ container }) => some(container.labels), refusedBy: { process: 'a process has no labels' } },
  capAdd: { isSet: ({ container }) => container.capAdd.length > 0, refusedBy: SHARED },
  capDrop: { isSet: ({ container }) => container.capDrop.length > 0, refusedBy: SHARED },
  privileged: { isSet: ({ container }) => container.privileged, refusedBy: SHARED },
  readOnly: { isSet: ({ container }) => container.readOnly, refusedBy: SHARED },
  tmpfs: { isSet: ({ container }) => some(container.tmpfs), refusedBy: SHARED },
  devices: { isSet: ({ container }) => container.devices.length > 0, refusedBy: SHARED },
  ulimits: { isSet: ({ container }) => container.ulimits.length > 0, orRefused: true },
  logging: {
    isSet: ({ container }) => container.logging !== null,
    refusedBy: { process: 'the output of a process is kept in files of its own' },
  },
  init: {
    isSet: ({ container }) => container.init,
    refusedBy: { process: 'orphans of a process are killed when it ends' },
  },
  stopSignal: { isSet: ({ container }) => container.stopSignal !== null },
  stopGraceMs: { isSet: () => true },
  'limits.cpuMillis': limit('cpuMillis'),
  'limits.memoryBytes': limit('memoryBytes'),
  'limits.memoryPercent': limit('memoryPercent'),
  'limits.memorySwapBytes': limit('memorySwapBytes'),
  'limits.kernelMemoryBytes': limit('kernelMemoryBytes', {
    process: 'the kernel no longer limits kernel memory by itself',
  }),
  'limits.memorySwappiness': limit('memorySwappiness'),
  'limits.cpuShares': limit('cpuShares'),
  'limits.cpusetCpus': limit('cpusetCpus'),
  'limits.blkioWeight': limit('blkioWeight'),
  'resources.diskBytes': { isSet: ({ resources }) => resources.diskBytes > 0 },
  health: { isSet: ({ health }) => health !== null },
  repair: { isSet: ({ repair }) => repair !== null },
  inspect: { isSet: ({ inspect }) => inspect !== null },
  scale: {
    isSet: ({ scale }) => scale !== null,
    notYet: 'services are not scaled by load yet; use gantry service scale',
  },
}

function isNodeNetwork({ image, networkMode }: ServiceSpec['container']): boolean {
  return image !== null && networkMode === 'host'
}

/**
 * Names the fields that the spec sets and that take no effect on this runtime, each with the reason. Empty for a runtime that the service does not use.
 */
export function unsupportedFields(spec: ServiceSpec, runtime: RuntimeDescription): readonly Unsupported[] {
  if (runtime.kind !== runtimeOf(spec)) return []
  return Object.entries(FIELD_SUPPORT).flatMap(([field, { isSet, refusedBy, notYet, orRefused: refused = false }]) => {
    const because = notYet ?? own(runtime.unsupported, field) ?? refusedBy?.[runtime.kind]
    return because !== undefined && isSet(spec) ? [{ field: manifestName(field), because, refused }] : []
  })
}

function own(record: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

/** Names what the spec needs and this version cannot do. Such a manifest is valid, but cannot be applied. */
export function refusedFeatures(spec: ServiceSpec): readonly RefusedFeature[] {
  const refused: RefusedFeature[] = []
  const variants = Object.values(spec.variants)
  if (spec.seeds > 0 || variants.some(({ seeds }) => seeds > 0)) {
    refused.push({
      feature: 'overlay',
      field: 'seeds',
      because: 'predictable addresses need the overlay network, which is not there yet',
    })
  }
  for (const { service, env } of spec.dependencies) {
    if (env === null) continue
    const because = `the address name in ${env} needs the overlay network’s DNS, which is not there yet`
    refused.push({ feature: 'overlay', field: `dependencies.${service}.env`, because })
  }
  if (some(spec.files))
    refused.push({ feature: 'files', field: 'files', because: 'files cannot be uploaded and mounted yet' })
  return refused
}

import type { RuntimeDescription } from '../../core/model/node.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import { LIMIT_NAMES } from './cgroup-limits.ts'
import { type CgroupTree, missingLimits } from './cgroup-tree.ts'
import type { HostTools } from './host-tools.ts'

const NO_NAMESPACES = 'a process shares the file system, network and rights of the node'

/** What no process can be given, by the name of the field. */
const NEVER: Readonly<Record<string, string>> = {
  image: 'a process runs a program of the node',
  'mounts.bind': NO_NAMESPACES,
  'mounts.volume': NO_NAMESPACES,
  files: NO_NAMESPACES,
  networkMode: NO_NAMESPACES,
  network: NO_NAMESPACES,
  dns: NO_NAMESPACES,
  extraHosts: NO_NAMESPACES,
  hostname: NO_NAMESPACES,
  capAdd: NO_NAMESPACES,
  capDrop: NO_NAMESPACES,
  privileged: NO_NAMESPACES,
  readOnly: NO_NAMESPACES,
  tmpfs: NO_NAMESPACES,
  devices: NO_NAMESPACES,
  logging: 'the output of a process is kept in files of its own',
  init: 'orphans of a process are killed when it ends',
  'limits.kernelMemoryBytes': 'the kernel no longer limits kernel memory by itself',
}

/** What the process runtime can do on this machine. */
export function describeProcesses(machine: {
  readonly platform: string
  readonly isRoot: boolean
  readonly tools: HostTools
  readonly tree: CgroupTree | null
}): RuntimeDescription {
  const { platform, tools, tree, isRoot } = machine
  const message = whyUnavailable(platform, tools)
  const unsupported: Record<string, string> = { ...NEVER, ...missingLimitReasons(tree) }
  if (!isRoot) unsupported['user'] = 'only root may change the user'
  else if (tools.setpriv === null) unsupported['user'] = 'the program setpriv (util-linux) is not installed'
  if (tools.prlimit === null) unsupported['ulimits'] = 'the program prlimit (util-linux) is not installed'
  return { kind: 'process', available: message === '', version: '1', message, unsupported }
}

/** Names of what an order asks for and cannot get here; every plan has said so, so it runs without. */
export function askedInVain({ spec, memoryBytes }: ContainerOrder, { unsupported }: RuntimeDescription): string[] {
  const asked: Readonly<Record<string, boolean>> = {
    'mounts.bind': spec.mounts.some(({ kind }) => kind === 'bind'),
    'mounts.volume': spec.mounts.some(({ kind }) => kind === 'volume'),
    networkMode: spec.networkMode !== 'bridge',
    network: spec.network !== null,
    dns: spec.dns.length > 0,
    extraHosts: spec.extraHosts.length > 0,
    hostname: spec.hostname !== null,
    capAdd: spec.capAdd.length > 0,
    capDrop: spec.capDrop.length > 0,
    privileged: spec.privileged,
    readOnly: spec.readOnly,
    tmpfs: Object.keys(spec.tmpfs).length > 0,
    devices: spec.devices.length > 0,
    logging: spec.logging !== null,
    init: spec.init,
    ...Object.fromEntries(Object.entries(spec.limits).map(([name, limit]) => [`limits.${name}`, limit !== null])),
    'limits.memoryBytes': memoryBytes !== null,
  }
  return Object.keys(asked).filter((name) => asked[name] === true && unsupported[name] !== undefined)
}

function whyUnavailable(platform: string, tools: HostTools): string {
  if (platform !== 'linux') return `processes can be supervised on Linux only, not on ${platform}`
  return tools.setsid === null ? 'the program setsid (util-linux) is not installed' : ''
}

function missingLimitReasons(tree: CgroupTree | null): Record<string, string> {
  const missing = tree === null ? new Set(LIMIT_NAMES) : missingLimits(tree)
  const reason =
    tree === null
      ? 'control groups of this machine are not there, or not ours to write'
      : 'the kernel, or the part of it that is ours, has no control group file for it'
  const names = missing.has('memoryBytes') ? [...missing, 'memoryPercent'] : [...missing]
  return Object.fromEntries(names.map((name) => [`limits.${name}`, reason]))
}

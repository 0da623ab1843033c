import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { gunzipSync } from 'node:zlib'
import type { MachineFacts, ModuleState } from '../../core/install/judge-machine.ts'
import { errorCode } from '../durable-text.ts'

/** What the kernel of this machine can do, as far as it can be known without trying. */
export function kernelFacts(): MachineFacts['kernel'] {
  const lists = ['modules.builtin', 'modules.dep'].map((name) => textOf(`/lib/modules/${release()}/${name}`)).join('\n')
  const configuration = textOf(`/boot/config-${release()}`) || unzipped('/proc/config.gz')
  const stateOf = (name: string): ModuleState => {
    if (existsSync(`/sys/module/${name}`)) return 'loaded'
    const isListed = new RegExp(`/${name.replaceAll('_', '[-_]')}\\.ko`).test(lists)
    return isListed || isConfigured(name, configuration) ? 'available' : 'missing'
  }
  return {
    release: release(),
    cgroup2: existsSync('/sys/fs/cgroup/cgroup.controllers'),
    vxlan: stateOf('vxlan'),
    nftables: stateOf('nf_tables'),
    wireguard: stateOf('wireguard'),
  }
}

/** Whether a kernel was built with a part, as its configuration says: a part that is no module stands in no list of them. */
export function isConfigured(name: string, configuration: string): boolean {
  return new RegExp(`^CONFIG_${name.toUpperCase()}=[ym]$`, 'm').test(configuration)
}

/** Routes of the kernel's main table, except default ones. */
export function kernelRoutes(): MachineFacts['routes'] {
  return parseRoutes(textOf('/proc/net/route'))
}

/** Reads /proc/net/route: addresses are hexadecimal, the last byte first. */
export function parseRoutes(text: string): MachineFacts['routes'] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length > 7)
    .map(([device = '', destination = '', , , , , , mask = '']) => {
      const bits = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length
      return { range: `${bytesOf(destination).reverse().join('.')}/${bits}`, device }
    })
    .filter(({ range }) => !range.endsWith('/0'))
}

function bytesOf(hex: string): number[] {
  return (hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))
}

function textOf(path: string): string {
  return bytesIn(path).toString()
}

function unzipped(path: string): string {
  const bytes = bytesIn(path)
  return bytes.length === 0 ? '' : gunzipSync(bytes).toString()
}

/** Empty where there is no such file: a container may have none of them. */
function bytesIn(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes(errorCode(error))) return Buffer.alloc(0)
    throw error
  }
}

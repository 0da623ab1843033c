import type { Port, Protocol } from '../model/service.ts'
import { partPath, type Source } from './fields.ts'
import type { Path } from './path.ts'
import type { Report } from './report.ts'
import type { PortsForm } from './schema-parts.ts'

const FORMS = 'write host:container, host:container/udp, or the container port alone'

/** Ports from any form; host port 0 or none means that the scheduler gives one. */
export function normalizePorts(sources: readonly Source<PortsForm>[], report: Report): readonly Port[] {
  const ports: { port: Port; path: Path }[] = []
  for (const source of sources) {
    const { value } = source
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value)
    for (const [part, entry] of entries) {
      const path = partPath(source, part)
      const port = Array.isArray(value)
        ? fromItem(entry, path, report)
        : fromPair(String(part), entry as string | number, path, report)
      if (port !== null) ports.push({ port, path })
    }
  }
  return distinct(ports, report)
}

function fromItem(entry: PortsForm[keyof PortsForm] | unknown, path: Path, report: Report): Port | null {
  if (typeof entry === 'number') return { container: entry, host: null, protocol: 'tcp' }
  if (typeof entry === 'string') return fromText(entry, path, report)
  const { host_port, container_port, protocol } = entry as Exclude<
    Extract<PortsForm, unknown[]>[number],
    string | number
  >
  return { container: container_port, host: host_port ? host_port : null, protocol: protocol ?? 'tcp' }
}

function fromText(text: string, path: Path, report: Report): Port | null {
  const { body, protocol } = splitProtocol(text)
  if (protocol === null) return refuse(path, report, `"${text}" names a protocol that is neither tcp nor udp`, FORMS)
  const parts = body.split(':')
  if (parts.length > 2)
    return refuse(path, report, `"${text}" binds to one address of the node, which is not supported`, FORMS)
  if (parts.some((part) => part.includes('-')))
    return refuse(path, report, `"${text}" is a range, which is not supported`, 'write one entry for each port')
  const container = portNumber(parts.at(-1) ?? '')
  const host = parts.length === 2 ? portNumber(parts[0] || '0', 0) : 0
  if (container === null || host === null)
    return refuse(path, report, `"${text}" is not a port`, `${FORMS}; ports are 1 to 65535`)
  return { container, host: host === 0 ? null : host, protocol }
}

function fromPair(hostText: string, target: string | number, path: Path, report: Report): Port | null {
  const { body, protocol } = splitProtocol(String(target))
  const host = portNumber(hostText)
  const container = portNumber(body)
  if (host === null)
    return refuse(
      path,
      report,
      `"${hostText}" is not a port of the node`,
      'a mapping of ports is host: container, 1 to 65535',
      'key',
    )
  if (container === null || protocol === null)
    return refuse(path, report, `"${target}" is not a port of the container`, 'ports are 1 to 65535')
  return { container, host, protocol }
}

function refuse(path: Path, report: Report, message: string, hint: string, at: 'key' | 'value' = 'value'): null {
  report.problem(path, message, hint, at)
  return null
}

function splitProtocol(text: string): { body: string; protocol: Protocol | null } {
  const slash = text.indexOf('/')
  if (slash < 0) return { body: text.trim(), protocol: 'tcp' }
  const name = text
    .slice(slash + 1)
    .trim()
    .toLowerCase()
  return { body: text.slice(0, slash).trim(), protocol: name === 'tcp' || name === 'udp' ? name : null }
}

function portNumber(text: string, min = 1): number | null {
  if (!/^\d{1,5}$/.test(text.trim())) return null
  const port = Number(text)
  return port >= min && port <= 65_535 ? port : null
}

/** Drops repetitions, lets a fixed host port win over a free one, and reports a host port that is given twice. */
function distinct(found: readonly { port: Port; path: Path }[], report: Report): readonly Port[] {
  const kept: Port[] = []
  for (const { port, path } of found) {
    const clash = kept.find(({ host, protocol }) => host !== null && host === port.host && protocol === port.protocol)
    if (clash !== undefined && clash.container !== port.container) {
      report.problem(
        path,
        `host port ${port.host}/${port.protocol} is taken already, by container port ${clash.container}`,
        'choose another host port',
      )
    }
    const same = kept.findIndex((other) => other.container === port.container && other.protocol === port.protocol)
    const loose = same >= 0 && (kept[same]?.host === null || port.host === null)
    if (loose && port.host !== null) kept[same] = port
    else if (!loose && clash === undefined) kept.push(port)
  }
  return kept
}

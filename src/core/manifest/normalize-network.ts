import type { Port } from '../model/service.ts'
import { type Fields, partPath, single, sources } from './fields.ts'
import { isIp } from './names.ts'

/** Servers that a container asks for names. */
export function normalizeDns(fields: Fields): readonly string[] {
  return sources(fields, 'dns').flatMap((source) =>
    [source.value].flat().filter((address, i) => {
      if (isIp(address)) return true
      fields.report.problem(partPath(source, i), `"${address}" is not an IP address`, 'write one such as 1.1.1.1')
      return false
    }),
  )
}

/** Entries of the hosts file, each as `name:ip`. */
export function normalizeExtraHosts(fields: Fields): readonly string[] {
  return sources(fields, 'extra_hosts')
    .flatMap((source) => {
      const { value } = source
      const entries = Array.isArray(value) ? value.map((text, i) => ({ text, part: i })) : pairs(value)
      return entries.filter(({ text, part }) => {
        const [name = '', ip = ''] = splitHost(text)
        if (/^[\w.-]+$/.test(name) && (isIp(ip) || ip === 'host-gateway')) return true
        fields.report.problem(
          partPath(source, part),
          `"${text}" is not of the form name:ip`,
          'the ip may be host-gateway',
        )
        return false
      })
    })
    .map(({ text }) => text)
}

function pairs(map: Readonly<Record<string, string>>): { text: string; part: string | number }[] {
  return Object.entries(map).map(([name, ip]) => ({ text: `${name}:${ip}`, part: name }))
}

/** At the first colon, because an IPv6 address has colons too. */
function splitHost(text: string): [string, string] {
  const colon = text.indexOf(':')
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
}

/** Network and mode; a named network needs the mode bridge. */
export function normalizeNetwork(
  fields: Fields,
  ports: readonly Port[],
): { network: string | null; networkMode: 'bridge' | 'host' | 'none' } {
  const network = single(fields, 'network')
  const mode = single(fields, 'network_mode')
  const networkMode = mode?.value ?? 'bridge'
  const moved = ports.find(({ host, container }) => host !== null && host !== container)
  if (mode?.value === 'host' && moved !== undefined)
    fields.report.problem(
      mode.path,
      `with network_mode host port ${moved.container} cannot be port ${moved.host} of the node`,
      'make both the same, or remove network_mode',
    )
  if (mode?.value === 'none' && ports.length > 0)
    fields.report.problem(mode.path, 'a task with network_mode none has no ports', 'remove ports or network_mode')
  if (network !== null && !/^[A-Za-z0-9][\w.-]*$/.test(network.value)) {
    fields.report.problem(
      network.path,
      `"${network.value}" is not the name of a network`,
      'letters, digits, _, . and -',
    )
  } else if (network !== null && networkMode !== 'bridge') {
    fields.report.problem(
      network.path,
      `a task with network_mode ${networkMode} cannot join a network`,
      'remove network or network_mode',
    )
  }
  return { network: network?.value ?? null, networkMode }
}

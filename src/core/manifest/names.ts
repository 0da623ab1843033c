/** Longest name of a service or placement: that of a DNS label. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/
const PLACEMENT_NAME = /^[A-Za-z0-9_-]{1,63}$/

/** Why it cannot be the name of a service; null when it can. */
export function whyNoServiceName(name: string): string | null {
  if (name === '') return 'a service needs a name'
  if (name in Object.prototype) return `"${name}" is a reserved word`
  return NAME.test(name)
    ? null
    : `"${short(name)}" is not a name: letters, digits, - and _, at most 63, beginning with a letter or digit`
}

/** Why it cannot be the name of a placement; null when it can. */
export function whyNoPlacementName(name: string): string | null {
  if (name in Object.prototype) return `"${name}" is a reserved word`
  return PLACEMENT_NAME.test(name)
    ? null
    : `"${short(name)}" is not the name of a placement: letters, digits, - and _, at most 63`
}

/** A name stands in command lines, addresses and listings. */
export const NODE_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$/

/** Why it cannot be the name of a node; null when it can. */
export function whyNoNodeName(name: string): string | null {
  return NODE_NAME.test(name) ? null : `"${short(name)}" is no name for a node: use letters, digits and . _ : -`
}

const ADDRESS = /^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$/

/** Why it cannot be where a node is reached; null when it can. */
export function whyNoAddress(text: string): string | null {
  return ADDRESS.test(text) && !text.includes('..')
    ? null
    : `"${short(text)}" is not an address: an IP address, or a name such as web.example.com`
}

/** What the name of a node's label looks like. */
export const LABEL_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/
export const LABEL_NAME_RULE = 'a label has a name of letters, digits, ., _, / and -, at most 63'

function short(name: string): string {
  return name.length > 70 ? `${name.slice(0, 67)}...` : name
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/

/** Whether it is an IPv4 or IPv6 address. */
export function isIp(text: string): boolean {
  return IPV4.test(text) || isIpv6(text)
}

function isIpv6(text: string): boolean {
  if (!/^[0-9a-fA-F:.]+$/.test(text) || text.includes(':::')) return false
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1) ?? ''
  const embedded = IPV4.test(last) && text.endsWith(last)
  const hex = embedded ? groups.slice(0, -1) : groups
  const count = hex.length + (embedded ? 2 : 0)
  return hex.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) && (halves.length === 2 ? count < 8 : count === 8)
}

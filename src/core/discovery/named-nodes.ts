import { OperationalError, type Problem } from '../errors.ts'

/** Where a node of the agent's own file answers searches. */
export interface NamedNode {
  readonly name: string
  /** Host name or IPv4 address. */
  readonly host: string
  readonly port: number
}

const ADDRESS = /^([A-Za-z0-9][A-Za-z0-9.-]*):(\d{1,5})$/

/** Reads the map `nodes` of the agent's own file, name → `host:port`. Throws CONFIG_INVALID with all that is wrong in it. */
export function readNamedNodes(nodes: Readonly<Record<string, string>>): readonly NamedNode[] {
  const read = Object.entries(nodes).map(([name, address]) => readNode(name, address))
  const problems = read.filter((one) => 'path' in one)
  if (problems.length > 0) {
    throw new OperationalError('CONFIG_INVALID', 'cannot ask the nodes of the configuration', { problems })
  }
  return read.filter((one) => 'host' in one)
}

function readNode(name: string, address: string): NamedNode | Problem {
  const [, host, digits] = ADDRESS.exec(address) ?? []
  const port = Number(digits)
  if (host !== undefined && port >= 1 && port <= 65_535) return { name, host, port }
  const message = 'must be host:port, with a host name or an IPv4 address'
  return { path: `nodes.${name}`, message, hint: 'such as 10.0.0.1:7946', file: null, line: null, column: null }
}

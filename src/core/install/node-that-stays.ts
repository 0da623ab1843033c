import type { OperationalError } from '../errors.ts'
import type { NodeId } from '../model/ids.ts'

/**
 * What is told of the membership of a node that was taken away and could not say so. Whoever is refused may have been removed
 * long ago, and its number be another machine's, which nobody is to remove for that.
 */
export function nodeThatStays(id: NodeId, { code, message }: Pick<OperationalError, 'code' | 'message'>): string {
  return code === 'FORBIDDEN'
    ? `node ${id} in the cluster, if it is still this machine: ${message}; \`gantry nodes ${id}\` on a server shows it`
    : `node ${id} in the cluster: ${message}; \`gantry node rm ${id} --force\` on a server removes it`
}

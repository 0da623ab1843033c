import { hasQuorum, hostOf, majority, quorumText, type SeenMember, titleOf, votersOf } from './members.ts'

export type RemovalPlan =
  | { readonly kind: 'remove'; readonly member: SeenMember }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'refused'; readonly because: string; readonly hint: string }

/**
 * Whether a server may be taken out of the store: `word` is its name, its address or its member id. Refused when those
 * that are left and alive would be no majority of those that are left.
 */
export function planRemoval(members: readonly SeenMember[], word: string): RemovalPlan {
  const found = members.filter((member) => [titleOf(member), member.id, hostOf(member.peerUrl)].includes(word))
  const [member] = found
  if (member === undefined) return { kind: 'unknown' }
  if (found.length > 1) {
    return { kind: 'refused', because: `${word} names ${found.length} members`, hint: 'name it by its address or id' }
  }
  const voters = votersOf(members)
  const alive = voters.filter((voter) => voter.alive)
  if (!hasQuorum(members)) {
    return {
      kind: 'refused',
      because: quorumText(members),
      hint: 'start the others again, or `gantry recover --from-survivor`',
    }
  }
  if (member.isLearner) return { kind: 'remove', member }
  const left = alive.filter((voter) => voter !== member).length
  const needed = majority(voters.length - 1)
  if (left >= needed && voters.length > 1) return { kind: 'remove', member }
  if (voters.length === 1) {
    return { kind: 'refused', because: 'it is the only voting member', hint: 'let another server join first' }
  }
  const because = `${left} of the ${voters.length - 1} that are left would answer, and ${needed} are needed`
  return { kind: 'refused', because, hint: 'start a server that is down again, or let another one join first' }
}

import {
  type EtcdMember,
  hasQuorum,
  hostOf,
  quorumText,
  type SeenMember,
  titleOf,
  votersNeededToGrow,
  votersOf,
} from './members.ts'

/** What a server knows while it makes its own etcd a member. */
export interface MembershipView {
  /** Where the others find this server's etcd. */
  readonly peerUrl: string
  /** It belongs to no cluster yet, stands first in the list of servers, and none of the others answers. */
  readonly mayFound: boolean
  /** The data of its etcd is here: it has run before. */
  readonly hasData: boolean
  /** Its etcd runs now. */
  readonly isRunning: boolean
  /** Its etcd has been started here, and ended by itself. */
  readonly hasEnded: boolean
  /** As members that answer list them; null: none answers. */
  readonly members: readonly SeenMember[] | null
}

export type MembershipStep =
  /** Start etcd as the first and only member. */
  | { readonly kind: 'found' }
  /** Start etcd: on its data, or without any as one of these members. */
  | { readonly kind: 'start'; readonly members: readonly EtcdMember[] }
  /** Make it known to the others, without a vote. */
  | { readonly kind: 'add' }
  /** Give it its vote. etcd refuses until it has caught up. */
  | { readonly kind: 'promote'; readonly id: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'wait'; readonly because: string }
  /** The others have sent it away. */
  | { readonly kind: 'removed'; readonly because: string }

/**
 * The next step of a server towards an etcd that is a voting member. It is told the whole situation, so it goes on
 * wherever an earlier attempt broke off: a member that was added is found by its peer URL and never added twice.
 *
 * No vote is given before enough voting members answer: the second joins when the first is ready, the third when two are.
 */
export function planMembership(view: MembershipView): MembershipStep {
  const { members, hasData, isRunning, peerUrl } = view
  const own = members?.find((member) => member.peerUrl === peerUrl) ?? null
  // A member that was sent away ends by itself. Before that a listing without it may only be an old one.
  if (hasData && view.hasEnded && members !== null && own === null) return removed(members)
  if (hasData && !isRunning) return { kind: 'start', members: members ?? [] }
  if (members === null) {
    if (!hasData && !isRunning && view.mayFound) return { kind: 'found' }
    const isThere = hasData || isRunning
    return { kind: 'wait', because: isThere ? 'its etcd does not answer yet' : 'no member of the store answers' }
  }
  if (own === null) {
    return hasData
      ? {
          kind: 'wait',
          because: 'the members do not list its etcd; if they went on without it, it has to join anew without its data',
        }
      : planAddition(members)
  }
  if (hasData) return planVote(own, members)
  if (isRunning) return { kind: 'wait', because: 'its etcd is starting' }
  if (own.name !== '') {
    return {
      kind: 'wait',
      because: `${titleOf(own)} has run here before and its data is gone: \`gantry servers rm\` it`,
    }
  }
  return { kind: 'start', members }
}

function planVote(own: SeenMember, members: readonly SeenMember[]): MembershipStep {
  if (own.isLearner) return tooFewVoters(members) ?? { kind: 'promote', id: own.id }
  return hasQuorum(members) ? { kind: 'ready' } : { kind: 'wait', because: quorumText(members) }
}

function planAddition(members: readonly SeenMember[]): MembershipStep {
  const learner = members.find(({ isLearner }) => isLearner)
  // etcd takes one at a time.
  if (learner !== undefined) return { kind: 'wait', because: `${titleOf(learner)} is joining` }
  return tooFewVoters(members) ?? { kind: 'add' }
}

function tooFewVoters(members: readonly SeenMember[]): MembershipStep | null {
  const voters = votersOf(members)
  const missing = voters.filter(({ alive }) => !alive)
  const needed = votersNeededToGrow(voters.length)
  if (voters.length - missing.length >= needed) return null
  const names = missing.map(titleOf).join(', ')
  return { kind: 'wait', because: `${needed} voting members must be alive first, and ${names} does not answer` }
}

function removed(members: readonly SeenMember[]): MembershipStep {
  const others = members.map((member) => `${titleOf(member)} (${hostOf(member.peerUrl)})`).join(', ')
  return { kind: 'removed', because: `the members of the store are ${others}` }
}

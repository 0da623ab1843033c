import type { Millis } from '../model/ids.ts'

/** A member of the etcd that the servers run, as etcd lists it. */
export interface EtcdMember {
  /** In hex. */
  readonly id: string
  /** Name of its server; empty until it has run once. */
  readonly name: string
  /** Where the other members find it; with it a member is recognised before it has a name. */
  readonly peerUrl: string
  /** Where servers ask it; null until it has run once. */
  readonly clientUrl: string | null
  /** It receives everything and has no vote yet. */
  readonly isLearner: boolean
}

/** What was seen of a member when it was asked last. */
export interface SeenMember extends EtcdMember {
  readonly alive: boolean
  /** It leads the others, in etcd's own election. */
  readonly leads: boolean
  /** null: it has never answered. */
  readonly version: string | null
  /** Alarms that it has raised. */
  readonly alarms: readonly EtcdAlarm[]
}

export const ETCD_ALARMS = ['no space', 'corrupt'] as const
export type EtcdAlarm = (typeof ETCD_ALARMS)[number]

/** The members, and when they were asked. */
export interface MembersSeen {
  readonly at: Millis
  readonly members: readonly SeenMember[]
}

/** Votes that a decision of so many voting members needs. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}

export function votersOf<T extends EtcdMember>(members: readonly T[]): readonly T[] {
  return members.filter(({ isLearner }) => !isLearner)
}

/** Voting members that must answer before another one may get a vote: with it, those that are there must be a majority. */
export function votersNeededToGrow(voters: number): number {
  return Math.min(voters, majority(voters + 1))
}

/** Whether enough voting members answer to change anything. */
export function hasQuorum(members: readonly SeenMember[]): boolean {
  const voters = votersOf(members)
  return voters.filter(({ alive }) => alive).length >= majority(voters.length)
}

/** What is to be said when they are too few. */
export function quorumText(members: readonly SeenMember[]): string {
  const voters = votersOf(members)
  const answering = voters.filter(({ alive }) => alive).length
  return `the store has lost its quorum: ${answering} of ${voters.length} members ${answering === 1 ? 'answers' : 'answer'}`
}

/** What people call a member: the name of its server, or where it is while it has none. */
export function titleOf({ name, peerUrl }: EtcdMember): string {
  return name === '' ? hostOf(peerUrl) : name
}

/** Host of a URL, without scheme, port and brackets. */
export function hostOf(url: string): string {
  return url
    .replace(/^[a-z]+:\/\//, '')
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
}

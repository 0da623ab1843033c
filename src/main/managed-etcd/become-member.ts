import { OperationalError } from '../../core/errors.ts'
import { clientUrlOf, type EtcdSetting, etcdArguments, peerUrlOf } from '../../core/etcd/arguments.ts'
import type { SeenMember } from '../../core/etcd/members.ts'
import { type MembershipStep, planMembership } from '../../core/etcd/plan-membership.ts'
import type { EtcdProcess } from '../../drivers/etcd/etcd-process.ts'
import { hasEtcdData } from '../../drivers/etcd/store-files.ts'
import type { EtcdMembers } from '../../store/etcd/members.ts'
import type { Progress } from './progress.ts'

export interface BecomingDeps {
  readonly dataDir: string
  readonly setting: EtcdSetting
  readonly mayFound: boolean
  /** Host of each server of the list. */
  readonly hosts: readonly string[]
  readonly etcd: EtcdProcess
  readonly members: EtcdMembers
  readonly progress: Progress
}

const LOOK_AGAIN_MS = 250

/** Runs this server's etcd and makes it a voting member, from wherever an earlier attempt broke off. */
export async function becomeMember(deps: BecomingDeps): Promise<void> {
  const { dataDir, setting, mayFound, etcd, members } = deps
  for (;;) {
    const seen = await members.lookAt(addressesOf(deps))
    const step = planMembership({
      peerUrl: peerUrlOf(setting),
      mayFound,
      hasData: await hasEtcdData(dataDir),
      isRunning: etcd.isRunning(),
      hasEnded: etcd.endings > 0,
      members: seen,
    })
    if (step.kind === 'ready') return
    await take(step, seen ?? [], deps)
  }
}

async function take(step: MembershipStep, seen: readonly SeenMember[], deps: BecomingDeps): Promise<void> {
  const { setting, etcd, members, progress } = deps
  const voters = seen.filter(({ isLearner, alive }) => !isLearner && alive)
  const addresses = voters.flatMap(({ clientUrl }) => (clientUrl === null ? [] : [addressOf(clientUrl)]))
  switch (step.kind) {
    case 'found':
      progress.tell('Founding the store: this is the first server')
      return start([], deps)
    case 'start':
      return start(step.members, deps)
    case 'add':
      progress.tell('Joining the store')
      return orWait(members.add(addresses, peerUrlOf(setting)), progress)
    case 'promote':
      return orWait(members.promote(addresses, step.id), progress)
    case 'wait': {
      const words = etcd.endings > 0 ? `; its etcd has ended, saying: ${await etcd.lastWords()}` : ''
      return progress.wait(`${step.because}${words}`, LOOK_AGAIN_MS)
    }
    case 'removed':
      throw new OperationalError('PREREQUISITE', `this server was taken out of the store: ${step.because}`, {
        hint: `to let it join anew, \`gantry node rm\` it there, remove ${deps.dataDir}/etcd and ${deps.dataDir}/identity here, and start it with a new join token`,
      })
    case 'ready':
      return
  }
}

async function start(listed: Parameters<typeof etcdArguments>[1], deps: BecomingDeps): Promise<void> {
  const { setting, etcd, progress } = deps
  if (etcd.endings > 0) await progress.wait(`etcd has ended, saying: ${await etcd.lastWords()}`, etcd.restartDelayMs)
  await etcd.start(etcdArguments(setting, listed))
  // It opens its ports before it serves; what cannot start ends within this time.
  await progress.wait('etcd is starting', LOOK_AGAIN_MS)
}

async function orWait(change: Promise<void>, progress: Progress): Promise<void> {
  try {
    await change
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    await progress.wait(error.message, LOOK_AGAIN_MS)
  }
}

/** Where members may answer: this machine first. */
function addressesOf({ setting, hosts }: BecomingDeps): readonly string[] {
  const all = [setting.host, ...hosts].map((host) => addressOf(clientUrlOf({ host, clientPort: setting.clientPort })))
  return [...new Set(all)]
}

/** A client URL as an endpoint. */
export function addressOf(url: string): string {
  return url.replace(/^https:\/\//, '')
}

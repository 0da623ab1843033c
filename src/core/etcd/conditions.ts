import type { StoreCondition } from '../model/view.ts'
import { knownFaults } from './known-faults.ts'
import { hasQuorum, quorumText, type SeenMember, titleOf, votersOf } from './members.ts'

/** What people should know of the store, the worst first. `ownPeerUrl`: where the member of the server that tells it is. */
export function storeConditions(members: readonly SeenMember[], ownPeerUrl: string): readonly StoreCondition[] {
  if (members.length === 0) return []
  if (!members.some(({ peerUrl }) => peerUrl === ownPeerUrl)) return [REMOVED]
  const all = [...quorumConditions(members), ...alarmConditions(members), ...versionConditions(members)]
  return [
    ...all.filter(({ severity }) => severity === 'failure'),
    ...all.filter(({ severity }) => severity !== 'failure'),
  ]
}

const REMOVED: StoreCondition = {
  kind: 'removed',
  severity: 'failure',
  message: 'this server was taken out of the store',
  hint: 'stop Gantry here; to join anew, remove etcd, etcd-run and identity from its data directory and use a new join token',
}

function quorumConditions(members: readonly SeenMember[]): StoreCondition[] {
  const voters = votersOf(members)
  const silent = voters.filter(({ alive }) => !alive).map(titleOf)
  if (!hasQuorum(members)) {
    const hint = `start ${silent.join(', ')} again, or find out whether a disk or the network is slow; if they are gone for good: stop Gantry here and run \`gantry recover --from-survivor\``
    return [{ kind: 'quorum lost', severity: 'failure', message: quorumText(members), hint }]
  }
  if (silent.length > 0) {
    const message = `${silent.join(', ')} of the store’s ${voters.length} members ${silent.length === 1 ? 'does' : 'do'} not answer`
    const hint =
      'start it again, or find out what slows its disk or network; if it is gone for good, `gantry servers rm` it and let another machine join'
    return [{ kind: 'member absent', severity: 'warning', message, hint }]
  }
  if (voters.length !== 2) return []
  const message = 'the store has two voting members: nothing can be changed when either is lost'
  return [{ kind: 'two members', severity: 'warning', message, hint: 'let a third server join' }]
}

function alarmConditions(members: readonly SeenMember[]): StoreCondition[] {
  return members.flatMap((member) =>
    member.alarms.map((alarm): StoreCondition => {
      if (alarm === 'corrupt') {
        const message = `the data of member ${titleOf(member)} is corrupt`
        const hint = 'stop it, `gantry servers rm` it, and let the machine join anew without its data'
        return { kind: 'corrupt', severity: 'failure', message, hint }
      }
      const message = `the store is full at member ${titleOf(member)}: nothing can be changed`
      const hint = 'servers compact and defragment it by themselves; if that does not help, remove what is not needed'
      return { kind: 'no space', severity: 'failure', message, hint }
    }),
  )
}

function versionConditions(members: readonly SeenMember[]): StoreCondition[] {
  const versions = new Set(members.map(({ version }) => version).filter((version) => version !== null))
  return [...versions].sort().flatMap((version) => {
    const known = knownFaults(version)
    if (known === null) return []
    const severity = known.isGrave ? 'failure' : 'warning'
    const message = `etcd ${version} has known faults: ${known.faults.join('; ')}`
    return [{ kind: 'faulty version', severity, message, hint: `run etcd ${known.sound} or newer` } as const]
  })
}

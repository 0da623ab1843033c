import type { ServerView } from '../model/view.ts'
import { majority } from './members.ts'

/**
 * Why the servers that keep the store stand still once the one at this address has gone, whether it leaves them or not; null:
 * they go on, or there are none.
 */
export function whyOthersStandStill(servers: readonly ServerView[], own: string): string | null {
  const others = servers.filter(({ isVoting, address }) => isVoting && address !== own)
  const alive = others.filter((server) => server.alive).length
  const needed = majority(others.length)
  if (others.length === 0 || alive >= needed) return null
  return `${alive} of the ${others.length} servers that are left would answer, and ${needed} are needed`
}

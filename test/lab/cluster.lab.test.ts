import { expect, test } from 'vitest'
import {
  leaderKilled,
  leaderPaused,
  nodeLost,
  serversGone,
  serversRolled,
  storeGone,
  twoAgentsGone,
} from './scenarios.ts'
import { starved } from './starvation.ts'
import type { Verdict } from './watched-cluster.ts'
import { watchedTests } from './watched-tests.ts'

/** What was seen is told with what was broken, and beside it. */
function expectKept({ broken, facts }: Verdict): void {
  console.info(JSON.stringify(facts))
  expect(broken, JSON.stringify(facts)).toEqual([])
}

// Three servers and five agents on real engines. Every promise that a scenario could break is judged by it: see WatchedCluster.
watchedTests((bed) => {
  test('a leader that is killed is replaced, and nothing that runs is touched', async () => {
    expectKept(await leaderKilled(await bed()))
  })

  test('a leader that stood still for 20 s does no harm; meanwhile tasks of a node that lost power and of one that was cut off run elsewhere, but for what may run only once', async () => {
    const cluster = await bed()
    expectKept(await leaderPaused(cluster, 20_000, (still) => twoAgentsGone(cluster, still)))
  })

  test('the machine of the leader loses power, with a member of the store: another leads and replaces its tasks', async () => {
    expectKept(await nodeLost(await bed(), 'leader'))
  })

  test('with every server gone, tasks run on while agents and engines are killed, and a crash is mended in place', async () => {
    expectKept(await serversGone(await bed(), 8_000))
  })

  test('servers that are restarted one after the other touch nothing that runs', async () => {
    expectKept(await serversRolled(await bed()))
  })

  test('while the store is gone everything runs on, and changes are taken again when it is back', async () => {
    expectKept(await storeGone(await bed(), 5_000))
  })

  test('nodes that are starved of processor time for 8 s are not taken for lost, and nothing moves', async () => {
    expectKept(await starved(await bed(), 8_000))
  })
})

import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { NodeView } from '../../src/core/model/view.ts'
import { readProc } from '../../src/drivers/process/proc.ts'
import type { Verdict, WatchedCluster } from './watched-cluster.ts'

const LOOPS_PER_HOST = 2
const LOOK_MS = 500
/** Of the time that agents wanted a processor, how much of it they must have waited for one. */
const STARVED = 0.5

/**
 * Busy loops on every machine, many times more than there are processors and of equal priority, for so long. No node may be taken
 * for lost, and nothing may move.
 */
export function starved(bed: WatchedCluster, milliseconds: number): Promise<Verdict> {
  const alarms: string[] = []
  return bed
    .during(async () => {
      const { epoch } = (await bed.cluster.view()).leadership
      const before = processorTime(bed)
      const seconds = Math.ceil(milliseconds / 1_000) + 30
      const ends = await Promise.all(bed.lab.hosts.map((host) => bed.lab.starve(host, LOOPS_PER_HOST, seconds)))
      const until = Date.now() + milliseconds
      while (Date.now() < until) {
        for (const { name, status } of await nodesAnywhere(bed))
          if (status !== 'ready') alarms.push(`${name} is ${status}`)
        await pause(LOOK_MS)
      }
      const after = processorTime(bed)
      await Promise.all(ends.map((end) => end()))
      const waited = after.waited - before.waited
      const share = waited / (waited + after.ran - before.ran)
      if (!(share > STARVED)) throw new Error(`the fault did not fall where it was meant to: agents waited ${share}`)
      const changes = (await bed.cluster.view()).leadership.epoch - epoch
      const facts = {
        loops: bed.lab.hosts.length * LOOPS_PER_HOST,
        'share of waiting': share,
        'changes of the leader': changes,
        alarms: alarms.length,
      }
      return { touches: [], facts }
    })
    .then(({ broken, facts }) => ({ broken: [...new Set(alarms), ...broken], facts }))
}

/** The nodes as some server lists them: one that is asked may be slow. */
async function nodesAnywhere(bed: WatchedCluster): Promise<readonly NodeView[]> {
  return Promise.any(bed.cluster.servers.map((server) => bed.cluster.client(server).nodes()))
}

/** What Gantry's processes on all machines have had of the processors and how long they waited for them, in ns. */
function processorTime(bed: WatchedCluster): { readonly ran: number; readonly waited: number } {
  let [ran, waited] = [0, 0]
  for (const { gantryProcess } of bed.lab.hosts) {
    const threads = `${gantryProcess?.pid}/task`
    for (const thread of readdirSync(`/proc/${threads}`)) {
      const times = readProc(`${threads}/${thread}/schedstat`) ?? ''
      const [running = 0, waiting = 0] = times.split(' ').map(Number)
      ran += running
      waited += waiting
    }
  }
  return { ran, waited }
}

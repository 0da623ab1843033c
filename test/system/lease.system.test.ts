import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TaskView } from '../../src/core/model/view.ts'
import { processStat } from '../../src/drivers/process/proc.ts'
import { aGantry, type Gantry, until } from './gantry.ts'

const DB = `services:
  db:
    exclusive: true
    lease: 10s
    command: [sh, -c, 'echo pid $$; exec sleep 1000']
`

test('an exclusive task with a lease ends when no leader is left to renew it, and goes on when one is back', async () => {
  await using gantry = await aGantry({ GANTRY_RUNTIME: 'process' })
  await gantry.up()
  const config = join(gantry.dataDir, 'db.yaml')
  writeFileSync(config, DB)
  expect(await gantry.run('apply', '--yes', '--config', config)).toMatchObject({ code: 0 })
  const [before] = await gantry.json<TaskView[]>('tasks')
  const pid = await pidOf(gantry)

  // Renewed again and again, its deadline goes before it.
  const first = deadlineOf(gantry)
  await until(
    async () => deadlineOf(gantry),
    (deadline) => deadline >= first + 3,
  )
  expect(processStat(pid)?.startTicks).toBeDefined()

  // With the agent goes everybody who could stop it in an orderly way: the watchdog is left.
  await gantry.end('SIGKILL')
  await until(
    async () => processStat(pid),
    (stat) => stat === null || stat.state === 'Z',
  )

  await gantry.up()
  const [after] = await until(
    () => gantry.json<TaskView[]>('tasks'),
    ([task]) => task?.ready === true,
  )
  expect(after).toMatchObject({ id: before?.id, restarts: 0 })
  expect(await pidOf(gantry)).not.toBe(pid)
})

/** When the watchdog of the agent would kill the task that it has, in seconds since boot. */
function deadlineOf({ dataDir }: Gantry): number {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const directory = join(dataDir, 'watchdog', boot)
  const file = readdirSync(directory).find((name) => name.endsWith('.deadline')) ?? ''
  return Number(readFileSync(join(directory, file), 'utf8').split(' ')[0])
}

/** Of the newest run. */
async function pidOf(gantry: Gantry): Promise<number> {
  const { stdout } = await gantry.run('logs', 'db')
  return Number(/pid (\d+)\s*$/.exec(stdout)?.[1])
}

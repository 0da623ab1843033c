import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { processStat } from '../../src/drivers/process/proc.ts'
import { until } from '../system/gantry.ts'
import type { Host } from './host.ts'
import { labTests } from './lab-tests.ts'
import type { Machine } from './machine.ts'
import { runContainer } from './run-container.ts'

const SERVE = ['httpd', '-f', '-p', '8000', '-h', '/etc']
const SLEEP = ['sleep', '1000']
const MANIFEST = `services:
  web:
    image: gantry-test/busybox:1
    restart_policy: always
    command: [httpd, -f, -p, "8000", -h, /etc]
    stop_signal: SIGKILL
    ports: ["8000:8000"]
`

labTests((start) => {
  test('five hosts come up, and what a container publishes is reached from all others and from outside', async () => {
    const lab = await start({ hosts: 5 })
    const names = await Promise.all(lab.hosts.map(async (host) => (await host.run(['hostname'])).stdout.trim()))
    expect(names).toEqual(['node1', 'node2', 'node3', 'node4', 'node5'])
    await Promise.all(lab.hosts.map((host) => runContainer(host, { name: 'web', command: SERVE, port: 8000 })))
    for (const host of lab.hosts) {
      expect(await host.containers()).toMatchObject([
        { name: 'web', state: 'running', pid: expect.any(Number), labels: { 'gantry.service': 'web' } },
      ])
      for (const machine of [...lab.hosts, lab.outside]) await untilServed(machine, host)
    }
    const { stdout } = await lab.host(1).run(['ip', 'route', 'show', 'default'])
    expect(stdout).toBe('')
  })

  test('a killed or stopped engine leaves its containers running', async () => {
    const lab = await start({ hosts: 1 })
    const host = lab.host(1)
    const id = await runContainer(host, { name: 'web', command: SERVE, port: 8000 })
    const [before] = await host.containers()

    await host.signal('engine', 'SIGKILL')
    await expect(host.containers()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await host.run(['kill', '-0', String(before?.pid)])).toMatchObject({ code: 0 })
    await host.engine.launch()
    expect(await host.containers()).toEqual([before])

    await host.signal('engine', 'SIGSTOP')
    const asked = host.containers()
    expect(host.processes('dockerd').map((pid) => processStat(pid)?.state)).toEqual(['T'])
    await host.signal('engine', 'SIGCONT')
    expect(await asked).toMatchObject([{ id }])

    await host.engine.restart()
    expect(await host.containers()).toEqual([before])
  })

  test('a reboot kills everything on its host, and brings back the engine with its data, and nothing else', async () => {
    const lab = await start({ hosts: 2 })
    const [rebooted, other] = [lab.host(1), lab.host(2)]
    for (const host of lab.hosts) await runContainer(host, { name: 'web', command: SLEEP })
    const left = await rebooted.spawn(SLEEP)
    await rebooted.run(['sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 & touch /run/left'])
    const bootId = ['cat', '/proc/sys/kernel/random/boot_id']
    const before = await rebooted.run(bootId)
    expect(rebooted.processes('sleep')).toHaveLength(2)
    // Also what stands still has ended with its machine.
    await left.signal('SIGSTOP')

    await rebooted.reboot()
    expect(await left.ended).toMatchObject({ signal: 'SIGKILL' })
    expect(rebooted.processes('sleep')).toEqual([])
    expect(await rebooted.containers()).toMatchObject([{ name: 'web', state: 'exited', pid: 0 }])
    expect(await other.containers()).toMatchObject([{ name: 'web', state: 'running' }])
    expect(await rebooted.run(bootId)).not.toEqual(before)
    expect(await rebooted.run(['test', '-e', '/run/left'])).toMatchObject({ code: 1 })
    expect(await other.run(['busybox', 'ping', '-c', '1', rebooted.address])).toMatchObject({ code: 0 })
  })

  test('gantry runs on a host, is killed, stopped and restarted there, and comes back with a reboot', async () => {
    const lab = await start({ hosts: 1 })
    const host = lab.host(1)
    await host.up()
    const manifest = join(host.directory, 'app.yaml')
    writeFileSync(manifest, MANIFEST)
    expect(await host.gantry('apply', '--config', manifest, '--yes')).toMatchObject({ code: 0 })
    await untilServed(lab.outside, host)

    const first = host.gantryProcess
    await host.signal('gantry', 'SIGSTOP')
    expect(processStat(first?.pid ?? 0)?.state).toBe('T')
    await host.signal('gantry', 'SIGCONT')
    await until(
      async () => processStat(first?.pid ?? 0)?.state,
      (state) => state !== 'T',
    )
    await host.restartGantry()
    expect(await first?.ended).toEqual({ code: null, signal: 'SIGKILL' })
    expect(await host.json<readonly unknown[]>('nodes')).toHaveLength(1)

    await host.reboot()
    await untilServed(lab.outside, host)
    expect(await host.gantryProcess?.end('SIGINT')).toMatchObject({ code: 0 })
  })
})

async function untilServed(from: Machine, host: Host): Promise<void> {
  await until(
    () => from.run(['busybox', 'wget', '-q', '-O', '-', `http://${host.address}:8000/group`]),
    ({ stdout }) => stdout.includes('root:x:0:'),
  )
}

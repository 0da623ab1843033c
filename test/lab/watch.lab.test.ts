import { expect, test } from 'vitest'
import { until } from '../system/gantry.ts'
import { outages, overlaps, starts } from './history.ts'
import { labTests } from './lab-tests.ts'
import { startLoad } from './load.ts'
import { loadReport } from './load-report.ts'
import { runContainer } from './run-container.ts'
import { watchContainers } from './watch-containers.ts'

const SERVE = ['httpd', '-f', '-p', '8000', '-h', '/etc']

labTests((start) => {
  test('a watch sees every container start, overlap and end, also while its engine is stopped', async () => {
    const lab = await start({ hosts: 2 })
    const [one, two] = [lab.host(1), lab.host(2)]
    const watch = watchContainers(lab.hosts)
    const running = async (): Promise<string[]> => watch.history.at(-1)?.running.map(({ host }) => host) ?? []
    await runContainer(one, { name: 'web', command: SERVE })
    await until(running, (hosts) => hosts.join() === 'node1')
    await runContainer(two, { name: 'web', command: SERVE })
    await until(running, (hosts) => hosts.join() === 'node1,node2')
    const pid = watch.history.at(-1)?.running[0]?.pid ?? 0
    await one.signal('engine', 'SIGSTOP')
    process.kill(pid, 'SIGKILL')
    await until(running, (hosts) => hosts.join() === 'node2')
    await one.signal('engine', 'SIGCONT')
    await two.powerOff()
    await until(running, (hosts) => hosts.length === 0)

    const history = watch.stop()
    expect(starts(history, 'web').map(({ host, task }) => `${task} on ${host}`)).toEqual([
      'web.1.1 on node1',
      'web.1.1 on node2',
    ])
    expect(overlaps(history, () => true)).toMatchObject([{ service: 'web', slot: '1', containers: [{ pid }, {}] }])
    expect(outages(history, 'web')).toHaveLength(2)
  })

  test('a load counts what failed, and when', async () => {
    const lab = await start({ hosts: 1 })
    const host = lab.host(1)
    await runContainer(host, { name: 'web', command: SERVE, port: 8000 })
    const url = `http://${host.address}:8000/group`
    await until(
      () => lab.outside.run(['busybox', 'wget', '-q', '-O', '-', url]),
      ({ code }) => code === 0,
    )
    const load = await startLoad(lab.outside, { url, perSecond: 50, timeoutMs: 500 })
    const asked = async (): Promise<readonly number[]> => load.answers().map(({ status }) => status)
    await until(asked, (answers) => answers.length > 10)
    const cutAt = Date.now()
    const undo = await lab.cut(host)
    await until(asked, (answers) => answers.filter((status) => status === 0).length > 10)
    await undo()
    const mendedAt = Date.now()
    await until(asked, (answers) => answers.at(-1) === 200)
    const report = loadReport(await load.stop())
    expect(report.failed).toBeGreaterThan(10)
    expect(report.asked).toBeGreaterThan(report.failed + 10)
    const [failure] = report.failures
    // A request that was under way when the host was cut off fails too.
    expect(failure?.from).toBeGreaterThan(cutAt - 500)
    expect(failure?.from).toBeLessThan(mendedAt)
  })
})

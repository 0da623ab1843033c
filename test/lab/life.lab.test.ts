import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { until } from '../system/gantry.ts'
import { labTests } from './lab-tests.ts'
import { runContainer } from './run-container.ts'

const SERVE = ['httpd', '-f', '-p', '8000', '-h', '/etc']

labTests((start) => {
  test('two labs side by side do not disturb each other, and the one that stops leaves nothing behind', async () => {
    const [staying, going] = await Promise.all([start({ hosts: 2 }), start({ hosts: 2 })])
    for (const lab of [staying, going]) {
      await runContainer(lab.host(1), { name: 'web', command: SERVE, port: 8000 })
      await runContainer(lab.host(2), { name: 'web', command: SERVE, port: 8000 })
    }
    await going.cut(going.host(1))
    await going.host(2).reboot()
    await going.slowDisk((await going.host(2).spawn(['sleep', '1000'])).pid, 10)
    expect(going.host(1).address).not.toBe(staying.host(1).address)
    expect(await staying.host(1).run(['busybox', 'ping', '-c', '1', going.host(1).address])).toMatchObject({ code: 1 })
    expect(await staying.host(1).run(['busybox', 'ping', '-c', '1', staying.host(2).address])).toMatchObject({
      code: 0,
    })
    expect(await staying.host(2).containers()).toMatchObject([{ state: 'running' }])
    expect(tracesOf(going.directory)).not.toEqual([])

    await going.stop()
    expect(tracesOf(going.directory)).toEqual([])
    expect(await staying.host(1).containers()).toMatchObject([{ state: 'running' }])
    expect(await staying.host(1).run(['busybox', 'ping', '-c', '1', staying.host(2).address])).toMatchObject({
      code: 0,
    })
    await staying.stop()
    expect(tracesOf(staying.directory)).toEqual([])
  })

  test('the machines of a lab end with its process, however that ends, and the next lab removes their names', async () => {
    const lab = inject('lab')
    const images = lab.kind === 'possible' ? lab.images : ''
    const owner = spawn(process.execPath, [resolve('test/lab/lab-owner.ts'), images], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void owner.kill('SIGKILL'))
    const [said] = (await once(owner.stdout, 'data')) as [Buffer]
    const directory = said.toString().trim()
    expect(processesOf(directory)).not.toEqual([])
    const ended = once(owner, 'exit')
    owner.kill('SIGKILL')
    await ended
    await until(
      async () => processesOf(directory),
      (left) => left.length === 0,
    )
    expect(tracesOf(directory)).not.toEqual([])

    const next = await start({ hosts: 1 })
    await next.stop()
    expect(tracesOf(directory)).toEqual([])
  })
})

/** All that shows that a lab exists or existed. */
function tracesOf(directory: string): string[] {
  const name = basename(directory)
  const namespaces = readdirSync('/run/netns').filter((one) =>
    one.startsWith(`${name.replace('gantry-lab-', 'glab')}-`),
  )
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${directory}/`))
  const groups = readdirSync('/sys/fs/cgroup')
    .map((hierarchy) => join('/sys/fs/cgroup', hierarchy, name))
    .concat(join('/sys/fs/cgroup', name))
  return [...namespaces, ...mounts, ...[directory, ...groups].filter(existsSync), ...processesOf(directory)]
}

/** Processes that name its directory, or that are in a namespace of processes of one that does. */
function processesOf(directory: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const own = look(process.pid.toString(), 'ns/pid')
  const spaces = new Set(
    pids.filter((pid) => look(pid, 'cmdline').includes(`${directory}/`)).map((pid) => look(pid, 'ns/pid')),
  )
  return pids.filter((pid) => {
    const space = look(pid, 'ns/pid')
    return look(pid, 'cmdline').includes(`${directory}/`) || (space !== own && space !== '' && spaces.has(space))
  })
}

/** Empty when the process has ended, and when it is one that even root may not look at. */
function look(pid: string, what: 'cmdline' | 'ns/pid'): string {
  try {
    const path = `/proc/${pid}/${what}`
    return what === 'cmdline' ? readFileSync(path, 'utf8') : readlinkSync(path)
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as { code?: string }).code ?? '')) return ''
    throw error
  }
}

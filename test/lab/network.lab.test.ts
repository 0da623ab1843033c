import { expect, onTestFinished, test } from 'vitest'
import { until } from '../system/gantry.ts'
import type { Lab } from './lab.ts'
import { labTests } from './lab-tests.ts'
import type { Machine } from './machine.ts'

const PORT = '9000'
/** Prints each datagram, and before them that it is there. */
const HEAR = `const socket = require('dgram').createSocket('udp4', (text) => console.log(String(text)))
socket.bind(${PORT}, () => console.log('listening'))`
const TELL = `const [, address, texts] = process.argv
const socket = require('dgram').createSocket('udp4')
let left = 0
for (const text of texts.split(',')) { left++; socket.send(text, ${PORT}, address, () => --left || socket.close()) }`

labTests((start) => {
  test('a host that is cut off is reached by nobody until it is mended', async () => {
    const lab = await start({ hosts: 3 })
    const [one, two, three] = [lab.host(1), lab.host(2), lab.host(3)]
    expect(await reached(lab, one)).toEqual(['node2', 'node3', 'outside'])
    const undo = await lab.cut(one)
    expect(await reached(lab, one)).toEqual([])
    expect(await reached(lab, two)).toEqual(['node3', 'outside'])
    await lab.mend(one)
    expect(await reached(lab, one)).toEqual(['node2', 'node3', 'outside'])

    await lab.cut(one)
    await undo()
    expect(await reached(lab, one)).toEqual([])
    await one.reboot()
    expect(await reached(lab, one)).toEqual([])
    await lab.mend(one)

    const heal = await lab.partition([one, lab.outside], [two])
    expect(await reached(lab, one)).toEqual(['node3', 'outside'])
    expect(await reached(lab, two)).toEqual(['node3'])
    expect(await reached(lab, three)).toEqual(['node1', 'node2', 'outside'])
    await heal()
    expect(await reached(lab, two)).toEqual(['node1', 'node3', 'outside'])
  })

  test('a link that is cut one way still carries the other', async () => {
    const lab = await start({ hosts: 2 })
    const [one, two] = [lab.host(1), lab.host(2)]
    const heard = { one: await listening(one), two: await listening(two) }
    const undo = await lab.cutOneWay(one, two)
    await tell(one, two, ['lost'])
    await tell(two, one, ['arrives'])
    await undo()
    await tell(one, two, ['mended'])
    await until(
      async () => [heard.one(), heard.two()],
      ([first, second]) => first !== '' && second !== '',
    )
    expect(heard.one()).toBe('arrives\n')
    expect(heard.two()).toBe('mended\n')
  })

  test('a lossy link loses its share', async () => {
    const lab = await start({ hosts: 2 })
    const [one, two] = [lab.host(1), lab.host(2)]
    const heard = await listening(two)
    const undo = await lab.lose(one, 50)
    const numbers = Array.from({ length: 400 }, (_, i) => String(i))
    await tell(one, two, numbers)
    await undo()
    await tell(one, two, ['last'])
    await until(
      async () => heard(),
      (text) => text.includes('last'),
    )
    const arrived = heard().split('\n').length - 2
    // Eight times the spread that chance has.
    expect(arrived).toBeGreaterThan(120)
    expect(arrived).toBeLessThan(280)
  })

  test('a limited link is slow in both directions, also after a reboot, until it no longer is', async () => {
    const lab = await start({ hosts: 2 })
    const [one, two] = [lab.host(1), lab.host(2)]
    const undo = await lab.limitRate(one, 100_000)
    await two.reboot()
    for (const host of [one, two]) await serve(lab, host)
    expect(await fetchMs(one, two)).toBeGreaterThan(2_000)
    expect(await fetchMs(two, one)).toBeGreaterThan(2_000)
    await one.reboot()
    await serve(lab, one)
    expect(await fetchMs(two, one)).toBeGreaterThan(2_000)
    await undo()
    expect(await fetchMs(one, two)).toBeLessThan(2_000)
    expect(await fetchMs(two, one)).toBeLessThan(2_000)
  })
})

/** Names of the machines that this one and an answer reach. */
async function reached(lab: Lab, from: Machine): Promise<string[]> {
  const others = [...lab.hosts, lab.outside].filter((machine) => machine !== from)
  const answers = await Promise.all(
    others.map(async ({ name, address }) => {
      const { code } = await from.run(['busybox', 'ping', '-c', '1', '-W', '3', address])
      return code === 0 ? [name] : []
    }),
  )
  return answers.flat()
}

/** Starts to listen; the result tells what was heard so far. */
async function listening(machine: Machine): Promise<() => string> {
  const ear = await machine.spawn([process.execPath, '-e', HEAR])
  onTestFinished(async () => void (await ear.end()))
  await ear.says('listening\n')
  return () => ear.output.slice('listening\n'.length)
}

async function tell(from: Machine, to: Machine, texts: readonly string[]): Promise<void> {
  const { code, stderr } = await from.run([process.execPath, '-e', TELL, to.address, texts.join(',')])
  if (code !== 0) throw new Error(stderr)
}

async function serve(lab: Lab, machine: Machine): Promise<void> {
  await machine.run(['sh', '-c', 'head -c 400000 /dev/zero >"$1/400k"', 'write', lab.directory])
  await machine.spawn(['busybox', 'httpd', '-f', '-p', '8000', '-h', lab.directory])
  await until(
    () => machine.run(['busybox', 'wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:8000/400k']),
    ({ code }) => code === 0,
  )
}

async function fetchMs(from: Machine, to: Machine): Promise<number> {
  const began = performance.now()
  const { code } = await from.run(['busybox', 'wget', '-q', '-O', '/dev/null', `http://${to.address}:8000/400k`])
  expect(code).toBe(0)
  return performance.now() - began
}

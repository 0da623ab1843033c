import { expect, test } from 'vitest'
import { readOptions, SUPPORTED_OPTIONS } from './options.ts'

test.each<[string, object]>([
  ['', {}],
  ['-p 80:80 --publish=81:81/udp -p82:82', { ports: ['80:80', '81:81/udp', '82:82'] }],
  ['--env A=1 -e "B=two words" -eC=3', { env: ['A=1', 'B=two words', 'C=3'] }],
  ["-v '/a b:/c:ro' --volume name:/d", { volumes: ['/a b:/c:ro', 'name:/d'] }],
  ['--network host', { network_mode: 'host' }],
  ['--net=mine', { network: 'mine' }],
  ['--read-only --privileged=false --init=true', { read_only: true, privileged: false, init: true }],
  ['-m 512m --cpus=0.5 --memory-swappiness 10', { limits: { memory: '512m', cpus: '0.5', memory_swappiness: 10 } }],
  [
    '--cap-add NET_ADMIN --cap-add=KILL --cap-drop ALL',
    { capabilities: { add: ['NET_ADMIN', 'KILL'], drop: ['ALL'] } },
  ],
  ['--ulimit nofile=10:20', { ulimits: { nofile: '10:20' } }],
  ['--log-driver syslog --log-opt tag=x=y', { logging: { driver: 'syslog', options: { tag: 'x=y' } } }],
  [
    '--restart on-failure -u 5:6 -w /x -h box -l a=b',
    { restart_policy: 'on-failure', user: '5:6', working_dir: '/x', hostname: 'box', labels: ['a=b'] },
  ],
  [
    '--stop-signal INT --stop-timeout 5 --entrypoint /x',
    { stop_signal: 'INT', stop_grace_period: '5', entrypoint: '/x' },
  ],
  [
    '--dns 1.1.1.1 --add-host a:1.1.1.1 --device /dev/x --tmpfs /run',
    { dns: ['1.1.1.1'], extra_hosts: ['a:1.1.1.1'], devices: ['/dev/x'], tmpfs: ['/run'] },
  ],
])('the options %j stand for %j', (text, keys) => {
  expect(readOptions(text)).toEqual({ keys, problems: [] })
})

test('an option that is not supported is named, and the others are still read', () => {
  const { keys, problems } = readOptions('--gpus all -e A=1 --rm')
  expect(keys).toEqual({ env: ['A=1'] })
  expect(problems.map(({ message }) => message)).toEqual([
    'the option --gpus is not supported',
    '"all" is not an option',
    'the option --rm is not supported',
  ])
})

test('every option that the reference lists is taken with some value', () => {
  const values: Readonly<Record<string, string>> = { '--restart': 'no', '--ulimit': 'core=1', '--log-opt': 'a=b' }
  const switches = ['--read-only', '--privileged', '--init']
  for (const option of SUPPORTED_OPTIONS) {
    const text = switches.includes(option) ? option : `${option} ${values[option] ?? '1'}`
    expect(readOptions(text).problems).toEqual([])
  }
})

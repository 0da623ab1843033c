import { expect, test } from 'vitest'
import type { Container } from '../../ports/runtime.ts'
import { type ContainerJson, toContainer } from './container-json.ts'

const OURS = { 'gantry.cluster': 'ours', 'gantry.task': 'web.1.1', 'gantry.spec-hash': 'abc' }
const ZERO = '0001-01-01T00:00:00Z'
const STARTED = '2026-11-21T04:18:01.401506763Z'
const FINISHED = '2026-11-21T04:20:01.000000001Z'

const RUNNING: ContainerJson = {
  Id: 'f00',
  State: { Status: 'running', ExitCode: 0, OOMKilled: false, Error: '', Pid: 42, StartedAt: STARTED, FinishedAt: ZERO },
  Config: { Labels: OURS },
  HostConfig: { NetworkMode: 'bridge' },
  NetworkSettings: { Networks: { bridge: { IPAddress: '172.17.0.2' } } },
}

const EXPECTED: Container = {
  id: 'f00',
  taskId: 'web.1.1',
  specHash: 'abc',
  state: 'running',
  exitCode: null,
  outOfMemory: false,
  message: '',
  pid: 42,
  address: '172.17.0.2',
  startedAt: Date.parse('2026-11-21T04:18:01.401Z'),
  finishedAt: null,
}

const GONE = { pid: null, address: null }
const state = (part: ContainerJson['State']): ContainerJson => ({ ...RUNNING, State: { ...RUNNING.State, ...part } })

test.each<{ name: string; json: ContainerJson; container: Partial<Container> }>([
  { name: 'running', json: RUNNING, container: {} },
  { name: 'running again: the end before is over', json: state({ FinishedAt: FINISHED }), container: {} },
  { name: 'paused', json: state({ Status: 'paused' }), container: {} },
  { name: 'restarting', json: state({ Status: 'restarting', Pid: 0 }), container: { pid: null } },
  {
    name: 'created',
    json: state({ Status: 'created', Pid: 0, StartedAt: ZERO }),
    container: { ...GONE, state: 'created', startedAt: null },
  },
  {
    name: 'refused to start',
    json: state({ Status: 'created', Pid: 0, StartedAt: ZERO, ExitCode: 127, Error: 'not found' }),
    container: { ...GONE, state: 'created', startedAt: null, message: 'not found' },
  },
  {
    name: 'ended',
    json: state({ Status: 'exited', Pid: 0, ExitCode: 7, FinishedAt: FINISHED }),
    container: { ...GONE, state: 'exited', exitCode: 7, finishedAt: Date.parse('2026-11-21T04:20:01Z') },
  },
  {
    name: 'killed for its memory',
    json: state({ Status: 'exited', Pid: 0, ExitCode: 137, OOMKilled: true, FinishedAt: FINISHED }),
    container: {
      ...GONE,
      state: 'exited',
      exitCode: 137,
      outOfMemory: true,
      finishedAt: Date.parse('2026-11-21T04:20:01Z'),
    },
  },
  {
    name: 'dead',
    json: state({ Status: 'dead', Pid: 0, ExitCode: 0, FinishedAt: ZERO }),
    container: { ...GONE, state: 'exited', exitCode: 0 },
  },
  {
    name: 'in the network of the node',
    json: {
      ...RUNNING,
      HostConfig: { NetworkMode: 'host' },
      NetworkSettings: { Networks: { host: { IPAddress: '' } } },
    },
    container: { address: '127.0.0.1' },
  },
  {
    name: 'without a network',
    json: { ...RUNNING, NetworkSettings: { Networks: null } },
    container: { address: null },
  },
  {
    name: 'in several networks',
    json: {
      ...RUNNING,
      NetworkSettings: { Networks: { a: { IPAddress: '' }, b: { IPAddress: '10.0.0.2' }, c: null } },
    },
    container: { address: '10.0.0.2' },
  },
])('a container that is $name', ({ json, container }) => {
  expect(toContainer(json, 'ours')).toEqual({ ...EXPECTED, ...container })
})

test.each<{ name: string; json: ContainerJson }>([
  { name: 'of another cluster', json: { ...RUNNING, Config: { Labels: { ...OURS, 'gantry.cluster': 'theirs' } } } },
  { name: 'without labels', json: { ...RUNNING, Config: { Labels: null } } },
  { name: 'without a task', json: { ...RUNNING, Config: { Labels: { 'gantry.cluster': 'ours' } } } },
  { name: 'that is no container at all', json: {} },
])('one $name is not ours', ({ json }) => {
  expect(toContainer(json, 'ours')).toBeNull()
})

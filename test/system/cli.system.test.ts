import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import type { Plan } from '../../src/core/model/plan.ts'
import type { RevisionProgress } from '../../src/core/model/view.ts'
import { freePort } from '../free-port.ts'
import { aGantry, type Gantry, until } from './gantry.ts'

const BUNDLE = join(process.cwd(), 'dist', 'gantry.cjs')
const WEB = (greeting: string) => `services:
  web:
    replicas: 2
    command: [sh, -c, 'printf "\\033[32m\\t%s\\n" colours; echo ${greeting}; exec sleep 1000']
`
const BROKEN = `services:
  ledger:
    restart_policy: no
    command: [sh, -c, 'echo cannot open the ledger >&2; exit 3']
`
const NEVER = `services:
  slow:
    command: [sleep, "1000"]
    health_check: { type: command, command: ["false"], interval: 1, retries: 1000 }
`

let gantry: Gantry
beforeAll(async () => {
  gantry = await aGantry({ GANTRY_RUNTIME: 'process' })
  await gantry.up()
})
afterAll(() => gantry[Symbol.asyncDispose]())

function file(name: string, text: string): string {
  const path = join(gantry.dataDir, name)
  writeFileSync(path, text)
  return path
}

/** Starts a command and collects what it prints. */
function start(
  words: readonly string[],
  program: readonly string[] = [process.execPath, BUNDLE],
): { child: ChildProcess; printed: { stdout: string; stderr: string }; ended: Promise<number | null> } {
  const [command = '', ...before] = program
  const child = spawn(command, [...before, ...words], { env: gantry.env, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const printed = { stdout: '', stderr: '' }
  child.stdout.on('data', (data: Buffer) => {
    printed.stdout += data.toString()
  })
  child.stderr.on('data', (data: Buffer) => {
    printed.stderr += data.toString()
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, printed, ended }
}

test.each([
  { words: ['aply'], said: "Error: unknown command 'aply'\nTry: apply, or `gantry help`\n" },
  {
    words: ['plan', '--exitcode'],
    said: "Error: unknown option '--exitcode'\nTry: --exit-code, or `gantry help plan`\n",
  },
  { words: ['logs'], said: "Error: missing required argument 'name'\nTry: `gantry help logs`\n" },
  {
    words: ['services', 'a', 'b'],
    said: "Error: too many arguments for 'services': expected 1 argument but got 2: a, b\nTry: `gantry help services`\n",
  },
  { words: ['node', 'drain'], said: "Error: missing required argument 'node'\nTry: `gantry help node drain`\n" },
  { words: ['node', 'emty'], said: "Error: unknown command 'emty'\nTry: `gantry help node`\n" },
  {
    words: ['node', 'set', '1', '--placement', 'a/b'],
    said: expect.stringContaining('"a/b" is not the name of a placement'),
  },
  { words: ['node', 'set', '1', '--public-address', 'a b'], said: expect.stringContaining('"a b" is not an address') },
  { words: ['node', 'label', '1', 'a=1', 'a-'], said: expect.stringContaining('the label a is given twice') },
  { words: ['node', 'set', '1', '--zone', 'a', '--zone', 'b'], said: expect.stringContaining('it is given twice') },
  { words: ['task', 'run', '-e', 'A=1', '-e', 'A=2', 'ls'], said: expect.stringContaining('it gives A twice') },
  { words: ['nodes', '--data', 'a', '--data', 'b'], said: 'Error: option --data is given twice\n' },
  { words: ['nodes', ''], said: 'Error: the argument node is empty\n' },
  { words: ['task', 'run', ''], said: expect.stringContaining('say what to run') },
  { words: ['backup', 'create', '-'], said: expect.stringContaining('not written to standard output') },
  { words: ['node', 'label', '1', 'a=1', '--detach'], said: expect.stringContaining('unknown option') },
  { words: ['service', 'scale', 'web', 'many'], said: expect.stringContaining('use a whole number') },
  { words: ['up', '--strategy', 'random'], said: expect.stringContaining('round-robin') },
  { words: ['up', '--listen', 'nowhere'], said: expect.stringContaining('nowhere is no address to listen on') },
  { words: ['rollback', 'last'], said: expect.stringContaining('last is no revision number') },
  { words: ['validate'], said: expect.stringContaining('name a manifest') },
  { words: ['up', '--name', 'a b'], said: expect.stringContaining('is no name for a node') },
  { words: [], said: expect.stringContaining('Usage: gantry [options] COMMAND') },
  { words: ['apply', '--plan', 'a', '--config', 'b'], said: expect.stringContaining('exclude each other') },
  {
    words: ['plan', '--config', '/no/such/file'],
    said: expect.stringContaining('/no/such/file cannot be read: there is no such file'),
  },
])('wrong usage, $words, says what is meant and ends with 2', async ({ words, said }) => {
  expect(await gantry.run(...words)).toEqual({ code: 2, stdout: '', stderr: said })
})

test.each([
  { words: ['up', '--listen', '127.0.0.1:0', '--data'], option: '--data or GANTRY_DATA', what: 'the data directory' },
  { words: ['agent', '--data'], option: '--data or GANTRY_DATA', what: 'the data directory' },
  { words: ['install', '--no-start', '--force', '--volume'], option: '--volume', what: 'the volume' },
])('$words PLACE says why nothing can be kept there, and what to do', async ({ words, option, what }) => {
  const plain = file('plain', '')
  const secret = file('cluster.secret', 'abcdefgh12345678')
  const more = words[0] === 'install' ? ['--seeds', '127.0.0.1', '--token-file', secret] : []
  for (const [place, why] of [
    [plain, 'it is no directory'],
    [join(plain, 'x'), `${plain} is no directory`],
    ['/proc/x', 'it cannot be made: there is no such file'],
  ] as const)
    expect(await gantry.run(...words, place, ...more)).toEqual({
      code: 3,
      stdout: '',
      stderr: `Error: ${place} cannot be ${what}: ${why}\nTry: name another one with ${option}\n`,
    })
})

test('install refuses what a server would refuse about its store, and looks whether the members of one answer', async () => {
  const secret = file('cluster.secret', 'abcdefgh12345678')
  const port = await freePort()
  const install = ['install', '--volume', join(gantry.dataDir, 'volume'), '--seeds', '127.0.0.1']
  const look = [...install, '--check', '--token-file', secret, '--backend-type']
  expect(await gantry.run(...look, 'etc')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot use --backend-type: there is no store "etc"'),
  })
  expect(await gantry.run(...look, 'zookeeper', '--zk-hosts', 'a::b')).toMatchObject({ code: 2 })
  const { code, stdout } = await gantry.run(...look, 'etcd', '--etcd-endpoints', `http://127.0.0.1:${port}`, '--json')
  expect(code).toBe(4)
  expect(JSON.parse(stdout)).toContainEqual({
    check: `store 127.0.0.1:${port}`,
    state: 'fail',
    found: 'connection refused',
    todo: 'start it, or open its port to this machine',
  })
})

test('with --json an error is the same shape as the API’s, on stderr', async () => {
  const { code, stdout, stderr } = await gantry.run('plan', '--exitcode', '--json')
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(JSON.parse(stderr)).toEqual({
    error: {
      code: 'USAGE',
      status: 400,
      message: "unknown option '--exitcode'",
      hint: '--exit-code, or `gantry help plan`',
      problems: [],
      retry: 'never',
    },
  })
})

test('every command explains itself with an example, on stdout', async () => {
  const names = Object.keys(COMMANDS)
  expect(names.length).toBeGreaterThan(20)
  for (const name of names) {
    const { code, stdout, stderr } = await gantry.run('help', name)
    expect({ name, code, stderr }).toEqual({ name, code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^Usage: gantry ${name}[\\s\\S]*Examples?:\\n {2}.*gantry ${name} ?`))
  }
})

test('where no server answers the way to start one is named, with code 7', async () => {
  const { code, stdout, stderr } = await gantry.run('services', '--socket', '/no/such.sock')
  expect({ code, stdout }).toEqual({ code: 7, stdout: '' })
  expect(stderr).toBe(
    'Error: no Gantry answers on /no/such.sock: there is no such socket\nTry: start it with `gantry up`\n',
  )
})

test('a fault of ours ends with 127 and one line; --debug shows where it comes from', async () => {
  const module = file('faulty.mjs', 'export default () => { throw new TypeError("the moon is full") }')
  const plain = await gantry.run('__module', module)
  expect(plain).toMatchObject({ code: 127, stdout: '' })
  expect(plain.stderr).toContain(
    'Error: a fault of Gantry itself: the moon is full\nTry: the same with --debug, and report what it shows\n',
  )
  expect(plain.stderr).not.toContain('faulty.mjs')
  expect((await gantry.run('--debug', '__module', module)).stderr).toContain('faulty.mjs')
})

test('validate needs no server: all problems with their places, and 3', async () => {
  const wrong = file('wrong.yaml', 'services:\n  web:\n    imagine: nginx\n    replicas: three\n')
  const { code, stderr } = await gantry.run('validate', wrong, '--socket', '/no/such.sock')
  expect(code).toBe(3)
  expect(stderr).toContain(`${wrong}:3:5: services.web.imagine: unknown key\n    did you mean image?`)
  expect(stderr).toContain(`${wrong}:4:15: services.web.replicas: `)
  const right = file('right.yaml', WEB('hello'))
  expect(await gantry.run('validate', right)).toEqual({
    code: 0,
    stdout: `${right}: valid, 1 service (web)\n`,
    stderr: '',
  })
  expect(await gantry.run('validate', right, wrong, '--json')).toMatchObject({ code: 3 })
  const some = await gantry.run('validate', '/no/such/file', wrong, right)
  expect(some).toMatchObject({ code: 2, stdout: `${right}: valid, 1 service (web)\n` })
  expect(some.stderr).toContain(`${wrong}: 2 problems`)
  expect(some.stderr).toContain('/no/such/file cannot be read')
  const schema = await gantry.run('validate', '--schema')
  expect(JSON.parse(schema.stdout)).toHaveProperty('definitions.service')
})

test('a manifest with problems is told by the server in the same words, and changes nothing', async () => {
  const wrong = file('wrong.yaml', 'services:\n  web:\n    imagine: nginx\n')
  const { code, stdout, stderr } = await gantry.run('apply', '--config', wrong, '--yes')
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
  expect(stderr).toContain(`${wrong}:3:5: services.web.imagine: unknown key`)
  expect(await gantry.json<unknown[]>('services')).toEqual([])
})

test('where nobody can be asked, an apply needs --yes', async () => {
  const web = file('web.yaml', WEB('hello'))
  const asJson = await gantry.run('apply', '--json', '--config', web)
  expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { message: 'nobody can be asked here' } })
  const { code, stderr } = await gantry.run('apply', '--config', web)
  expect(code).toBe(2)
  expect(stderr).toContain('1 to add, 0 to change, 0 to replace, 0 to remove')
  expect(stderr).toContain('Error: nobody can be asked here\nTry: add --yes')
})

test('an apply from standard input tells each step on a line of its own and ends with the truth', async () => {
  const child = spawn(process.execPath, [BUNDLE, 'apply', '-c', '-', '--yes'], {
    env: gantry.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (data: Buffer) => {
    said += data.toString()
  })
  child.stdin.end(WEB('hello'))
  expect((await once(child, 'close'))[0]).toBe(0)
  expect(said).toMatch(/ {2}web {2}0 of 2 ready[\s\S]* {2}web {2}2 of 2 ready, healthy\nManifest \d+ is applied\.\n$/)
  expect(said).not.toContain('\u001b')
})

test('a plan can be kept by its owner alone; --exit-code tells whether anything would change', async () => {
  const kept = file('kept.plan', '')
  const change = file('changed.yaml', WEB('welcome'))
  const planned = await gantry.run('plan', '--config', change, '--output', kept, '--exit-code')
  expect(planned.code).toBe(10)
  expect(planned.stdout).toContain('Plan: 0 to add, 0 to change, 1 to replace, 0 to remove.')
  expect(statSync(kept).mode & 0o777).toBe(0o600)
  expect((await gantry.json<Plan>('plan', '--config', change)).summary).toMatchObject({ replace: 1 })
  const nothing = await gantry.run('plan', '--exit-code')
  expect(nothing).toEqual({ code: 0, stdout: 'No changes: what is wanted is what there is.\n', stderr: '' })
})

test('a failed apply says which service, why, and the last words of its tasks', async () => {
  const { code, stderr } = await gantry.run(
    'apply',
    '--config',
    file('broken.yaml', WEB('hello') + BROKEN.slice('services:\n'.length)),
    '--yes',
  )
  expect(code).toBe(1)
  expect(stderr).toMatch(/Manifest \d+ failed: ledger\.1\.1 .*exit code 3/)
  expect(stderr).toContain('ledger.1.1 | cannot open the ledger')
  expect(stderr).toContain('Try: `gantry explain SERVICE`')
})

test('an apply that is not reached in time goes on, and the next one supersedes it', async () => {
  const never = file('never.yaml', NEVER)
  const late = await gantry.run('apply', '--config', never, '--yes', '--timeout', '300ms')
  expect(late.code).toBe(1)
  expect(late.stderr).toContain('Not reached within 0.3 s: manifest')
  const waiting = start(['apply', '--config', never, '--yes', '--json'])
  await waiting.ended
  // The very same manifest again makes no revision, so nothing is waited for.
  expect(JSON.parse(waiting.printed.stdout)).toMatchObject({ revision: null })
  const newest = async (): Promise<number | undefined> =>
    (await gantry.json<{ number: number }[]>('revisions'))[0]?.number
  const before = await newest()
  const restarted = start(['service', 'restart', 'slow', '--json'])
  await until(newest, (number) => number !== before)
  await gantry.run('destroy', '--yes')
  expect(await restarted.ended).toBe(5)
  expect((JSON.parse(restarted.printed.stdout) as RevisionProgress).revision.state).toBe('superseded')
})

test('an interrupt leaves an apply to itself and says how to watch it', async () => {
  const waiting = start(['apply', '--config', file('never.yaml', NEVER), '--yes'])
  await until(
    async () => waiting.printed.stderr,
    (said) => said.includes('0 of 1 ready'),
  )
  waiting.child.kill('SIGINT')
  expect(await waiting.ended).toBe(130)
  expect(waiting.printed.stderr).toContain(
    'goes on without this command.\nTry: `gantry services` or `gantry events -f`',
  )
  expect((await gantry.run('destroy', '--yes')).code).toBe(0)
})

test('an apply that is waited for outlives its server: with the next one it goes on to the end', async () => {
  const sign = join(gantry.dataDir, 'sign')
  const late = `services: { late: { command: [sleep, "1000"], health_check: { type: command, command: [test, -e, ${sign}], interval: 1, retries: 1000 } } }`
  const waiting = start(['apply', '--config', file('late.yaml', late), '--yes'])
  await until(
    async () => waiting.printed.stderr,
    (said) => said.includes('0 of 1 ready'),
  )
  await gantry.end('SIGKILL')
  await gantry.up()
  writeFileSync(sign, '')
  expect(await waiting.ended).toBe(0)
  expect(waiting.printed.stderr).toMatch(/late {2}1 of 1 ready, healthy\nManifest \d+ is applied\.\n$/)
})

test('logs of all replicas come in one stream with their names, and following ends with 130', async () => {
  await gantry.run('apply', '--config', file('web.yaml', WEB('hello')), '--yes')
  const all = await gantry.run('logs', 'web')
  expect(
    all.stdout
      .split('\n')
      .filter((line) => line.endsWith('hello'))
      .sort(),
  ).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^web\.1\.\d+ \| hello$/),
      expect.stringMatching(/^web\.2\.\d+ \| hello$/),
    ]),
  )
  expect(all.stdout).toContain(' | \u001b[32m\tcolours\n')
  const following = start(['logs', 'web', '--follow', '--json'])
  await until(
    async () => following.printed.stdout,
    (printed) => printed.includes('\n'),
  )
  following.child.kill('SIGINT')
  expect(await following.ended).toBe(130)
  expect(JSON.parse(following.printed.stdout.split('\n')[0] ?? '')).toMatchObject({
    stream: 'stdout',
    text: '\u001b[32m\tcolours',
  })
})

test('exec ends with the code of the program, and passes output and options through', async () => {
  const [task] = await gantry.json<{ id: string }[]>('tasks', 'web')
  const { code, stdout, stderr } = await gantry.run(
    'exec',
    task?.id ?? '',
    '--',
    'sh',
    '-c',
    'echo out --json; echo err >&2; exit 42',
  )
  expect({ code, stdout, stderr }).toEqual({ code: 42, stdout: 'out --json\n', stderr: 'err\n' })
})

test('a task of its own is started, shown and stopped by the id that `task run` prints', async () => {
  const ran = await gantry.run(
    'task',
    'run',
    '--name',
    'once',
    '--env',
    'A=1',
    '--',
    'sh',
    '-c',
    'echo "A is $A"; exec sleep 1000',
  )
  const id = ran.stdout.trim()
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  expect((await gantry.run('task', 'ls')).stdout).toContain(id)
  const shown = await until(
    () => gantry.run('task', 'get', id),
    ({ stdout }) => /once\S* +(running|ready)/.test(stdout),
  )
  expect(shown.stdout).toContain('local user')
  expect((await gantry.run('task', 'stop', id)).code).toBe(0)
})

test('a node is shown by its id and by its name', async () => {
  const byId = await gantry.run('nodes', '1')
  expect(byId.stdout).toContain('process 1, available')
  const [node] = await gantry.json<{ name: string }[]>('nodes')
  const byName = await gantry.run('nodes', node?.name ?? '')
  const withoutAge = (text: string): string => text.replace(/^joined .*$/m, '')
  expect(withoutAge(byName.stdout)).toBe(withoutAge(byId.stdout))
  expect(await gantry.run('nodes', '9')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no node 9'),
  })
})

test('a reader that goes away ends a command quietly', async () => {
  const child = spawn(process.execPath, [BUNDLE, 'events', '-f'], {
    env: gantry.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (data: Buffer) => {
    said += data.toString()
  })
  const ended = once(child, 'close')
  await once(child.stdout, 'data')
  child.stdout.destroy()
  await gantry.run('service', 'restart', 'web', '--detach')
  expect((await ended)[0]).toBe(0)
  expect(said).toBe('')
})

test('the completion scripts are sound, and bash offers the names of services', async () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const { code, stdout } = await gantry.run('completion', shell)
    expect(code).toBe(0)
    const script = file(`completion.${shell}`, stdout)
    const program = `/usr/bin/${shell}`
    if (existsSync(program)) expect(await start(['-n', script], [program]).ended).toBe(0)
  }
  const use = `gantry() { "${process.execPath}" "${BUNDLE}" "$@"; }
source "${join(gantry.dataDir, 'completion.bash')}"
COMP_WORDS=(gantry services w); COMP_CWORD=2; _gantry; printf '%s\\n' "\${COMPREPLY[@]}"`
  const asked = start([file('use.bash', use)], ['/bin/bash'])
  expect(await asked.ended).toBe(0)
  expect(asked.printed).toEqual({ stdout: 'web\n', stderr: '' })
})

test('up leaves nothing behind where its port is taken', async () => {
  const directory = join(gantry.dataDir, 'not-made')
  const { code, stderr } = await gantry.run('up', '--data', directory, '--listen', `127.0.0.1:${gantry.port}`)
  expect(code).toBe(4)
  expect(stderr).toContain(`another program listens on 127.0.0.1:${gantry.port}`)
  expect(existsSync(directory)).toBe(false)
})

test('up reads the agent’s own file, and says what has no effect', async () => {
  await using other = await aGantry({ GANTRY_RUNTIME: 'process' })
  const config = join(other.dataDir, 'agent.yaml')
  writeFileSync(config, 'cluster: { name: shop, discovery_port: 7123 }\nnodes: { a: "10.0.0.1:7946" }\n')
  await other.up('--config', config)
  expect(other.output.text).toContain('Warning: nodes has no effect: only a machine that joins')
  const view = await other.json<{ cluster: { name: string }; nodes: { name: string }[] }>('cluster')
  expect(view.cluster.name).toBe('shop')
  expect(view.nodes[0]?.name).toMatch(/:7123$/)
})

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { takeGlobals } from '../globals.ts'
import { findReach, type Reach } from '../reach.ts'
import type { ContextFile } from './cluster-context.ts'
import { clustersFile } from './clusters-file.ts'
import { setKey } from './edit-file.ts'
import { clustersPath, contextNamed, findContexts } from './find-contexts.ts'
import { goclusterFile } from './gocluster-file.ts'
import { selectContext } from './select.ts'

const README = `# clusters of the team
cli:
  default_cluster: Blue   # the usual one
  timeout: 7
  retries: 1
  colour: green
clusters:
  Blue:
    name: The blue one
    port: 7946
    nodes:
      a: 127.0.0.1:9000
      b: 10.0.0.2:9001
  bare:
    port: 9999
    nodes: {a: 10.0.0.3}
`

function gocluster(text: string): ContextFile {
  return goclusterFile(parse(text), '/home/me/.gocluster.yaml')
}

test('GoCluster’s documented block is read, names keep their case, and what has no effect is told', () => {
  const { contexts, selected, notes } = gocluster(README)
  expect(selected).toBe('Blue')
  expect(contexts).toMatchObject([
    {
      name: 'Blue',
      title: 'The blue one',
      servers: ['http://127.0.0.1:9000', 'https://10.0.0.2:9001'],
      timeoutMs: 7_000,
      retries: 1,
    },
    { name: 'bare', servers: ['https://10.0.0.3:9999'] },
  ])
  expect(notes.map((note) => note.replace(/^\S+ /, ''))).toEqual([
    'cli.colour has no effect: it is not known',
    'clusters.Blue.port has no effect: every node there names a port of its own',
  ])
})

test('keys at the root count more than those of the block, whatever their case, and a timeout of 0 is none', () => {
  const text = `${README}Timeout: 0\nretries: 5\nselected_cluster: bare\n`
  const { contexts, selected } = gocluster(text)
  expect(selected).toBe('bare')
  expect(contexts[0]).toMatchObject({ timeoutMs: 7_000, retries: 5 })
})

test.each([
  ['clusters: {a: {}}', 'clusters.a.nodes must name where nodes serve the API'],
  ['clusters: {a: {nodes: {x: 1}}}', 'clusters.a.nodes must map names'],
  ['cli: {timeout: soon}', 'cli.timeout must be a time'],
  ['retries: -1', 'retries must be a whole number'],
  ['clusters: [a]', 'clusters must hold a block'],
  ['clusters: {a: {nodes: {x: "h:1"}, token_file: ../../secret}}', 'must name a file beside this one'],
  ['clusters: {a: {nodes: {x: "h:1"}, fingerprint: abc}}', 'must be the third part of a join token'],
])('GoCluster’s file `%s` is wrong', (text, message) => {
  expect(() => gocluster(text)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
  )
})

test('our own file names servers with paths that begin beside it', () => {
  const text = `current: blue
clusters:
  blue: {servers: ["https://h:8080/x"], token_file: blue.token, ca_file: /etc/blue.crt, timeout: 500ms, retries: 0, note: 1}
  here: {socket: run/gantry.sock}
`
  const { contexts, selected, notes } = clustersFile(parse(text), '/c/clusters.yaml')
  expect(selected).toBe('blue')
  expect(contexts).toMatchObject([
    { servers: ['https://h:8080'], tokenFile: '/c/blue.token', caFile: '/etc/blue.crt', timeoutMs: 500, retries: 0 },
    { servers: [], socket: '/c/run/gantry.sock', timeoutMs: 10_000, retries: 3 },
  ])
  expect(notes).toEqual(['/c/clusters.yaml: clusters.blue.note has no effect: it is not known'])
})

test.each([
  ['clusters: {a: {}}', 'needs servers, or a socket'],
  ['clusters: {a: {servers: [ftp://x]}}', 'not the address of a server'],
  ['clusters: {a: {servers: [7]}}', 'must be a list of URLs'],
])('our own file `%s` is wrong', (text, message) => {
  expect(() => clustersFile(parse(text), '/c/clusters.yaml')).toThrow(message)
})

/** A home directory and a current one, each with the files that are given. */
function aHome(files: { readonly own?: string; readonly home?: string; readonly here?: string }): NodeJS.ProcessEnv {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-home-'))
  const before = process.cwd()
  onTestFinished(() => {
    process.chdir(before)
    rmSync(directory, { recursive: true })
  })
  const env = { HOME: join(directory, 'home') }
  mkdirSync(dirname(clustersPath(env)), { recursive: true })
  mkdirSync(join(directory, 'here'))
  process.chdir(join(directory, 'here'))
  if (files.own !== undefined) writeFileSync(clustersPath(env), files.own)
  if (files.home !== undefined) writeFileSync(join(env.HOME, '.gocluster.yaml'), files.home)
  if (files.here !== undefined) writeFileSync(join(directory, 'here', '.gocluster.yaml'), files.here)
  return env
}

const OWN = '# mine\nclusters:\n  green:\n    servers: [https://g:1] # two\n    later: yes\n'

test('selecting a cluster of GoCluster’s file changes that line alone', async () => {
  const env = aHome({ home: README })
  const known = await findContexts(env)
  const [path = ''] = await selectContext(contextNamed('The blue one', known), known, env)
  expect(readFileSync(path, 'utf8')).toBe(`${README}selected_cluster: Blue\n`)
  expect(existsSync(clustersPath(env))).toBe(false)
  const again = await findContexts(env)
  await selectContext(contextNamed('bare', again), again, env)
  expect(readFileSync(path, 'utf8')).toBe(`${README}selected_cluster: bare\n`)
  expect((await findContexts(env)).selected?.name).toBe('bare')
})

test('what our own file selects counts more, and a later selection elsewhere takes effect all the same', async () => {
  const env = aHome({ own: OWN, home: README })
  const select = async (name: string): Promise<string | undefined> => {
    const known = await findContexts(env)
    await selectContext(contextNamed(name, known), known, env)
    return (await findContexts(env)).selected?.name
  }
  expect(await select('green')).toBe('green')
  expect(readFileSync(clustersPath(env), 'utf8')).toBe(`${OWN}current: green\n`)
  expect(await select('Blue')).toBe('Blue')
  expect(await select('green')).toBe('green')
})

test('the file of the current directory hides that of the home directory', async () => {
  const env = aHome({ home: README, here: 'clusters: {near: {nodes: {a: "h:1"}}}' })
  expect((await findContexts(env)).contexts.map(({ name }) => name)).toEqual(['near'])
})

test('a file that everybody may write is not believed, and a name that nobody gave is not found', async () => {
  const env = aHome({ own: OWN })
  expect(() => contextNamed('blue', { contexts: [] })).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
  chmodSync(clustersPath(env), 0o666)
  await expect(findContexts(env)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

async function reach(line: string, env: NodeJS.ProcessEnv): Promise<Reach> {
  return findReach(takeGlobals(line.split(' '), env, () => undefined).globals, env)
}

test('the line counts more than the environment, and both more than what is selected', async () => {
  const env = aHome({ own: `${OWN}current: green\n`, home: README })
  const name = async (line: string, more: NodeJS.ProcessEnv = {}): Promise<string | null> =>
    (await reach(line, { ...env, ...more })).context?.name ?? null
  expect(await name('nodes')).toBe('green')
  expect(await name('nodes --context Blue')).toBe('Blue')
  expect(await name('nodes', { GANTRY_CONTEXT: 'Blue', GANTRY_DATA: '/d' })).toBe('Blue')
  expect(await name('nodes', { GANTRY_DATA: '/d' })).toBeNull()
  expect(await name('nodes', { GANTRY_DATA: '/d', GANTRY_CHECKOUT_DATA: '/d' })).toBe('green')
  expect(await name('nodes --data /d', { GANTRY_CONTEXT: 'Blue' })).toBeNull()
  await expect(reach('nodes --context Blue --socket s', env)).rejects.toMatchObject({ code: 'USAGE' })
  await expect(reach('nodes --context grey', env)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a token of the environment is not sent where only the current directory says so', async () => {
  const here = 'selected_cluster: near\nclusters: {near: {nodes: {a: "h:1"}}}'
  const env = { ...aHome({ here }), GANTRY_TOKEN: 'secret' }
  const sent = async (line: string): Promise<unknown> => (await reach(line, env)).servers.targets[0].token
  expect(await sent('nodes')).toBeNull()
  expect(await sent('nodes --context near')).toBe('secret')
})

test.each([
  ['', 'current: a b', 'current: "a b"\n'],
  ['{current: x}', 'current: y', '{ current: y }\n'],
  ['current:\n', 'current: y', 'current: y\n'],
  ['current: "x" # why\nclusters: {}\n', 'current: y', 'current: y # why\nclusters: {}\n'],
  ['other: 1', 'current: y', 'other: 1\ncurrent: y\n'],
])('in %j the selection becomes `%s`', async (before, selection, after) => {
  const env = aHome({ own: before })
  await setKey(clustersPath(env), 'current', selection.replace('current: ', ''))
  expect(readFileSync(clustersPath(env), 'utf8')).toBe(after)
})

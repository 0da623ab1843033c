import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { tokenOf } from './gantry.ts'
import { aMachine } from './machines.ts'

test('clusters elsewhere are made known, chosen and trusted by the authority or its fingerprint', async () => {
  const server = await aMachine()
  const port = await freePort()
  // Whatever is no loopback address is served over TLS only.
  await server.up('--listen', `0.0.0.0:${port}`, '--link', `127.0.0.1:${await freePort()}`, '--name', 'blue-1')
  const joinToken = (await server.run('join-token', 'create')).stdout.trim()
  const url = `https://127.0.0.1:${port}`
  const away = await aMachine()
  Object.assign(away.env, { GANTRY_DATA: '' })
  const tokenFile = join(server.dataDir, 'token')
  const authority = join(server.dataDir, 'identity', 'authority.crt')
  const fingerprint = joinToken.split('-')[2] ?? ''
  const nowhere = `https://127.0.0.1:${await freePort()}`

  const add = (name: string, ...more: string[]) => away.run('clusters', 'add', name, ...more)
  expect(await add('blue', url, '--ca-file', authority, '--token-file', tokenFile)).toMatchObject({ code: 0 })
  expect(await add('blue', url)).toMatchObject({ code: 5 })
  // A server that is gone does not matter where there is another.
  expect(await add('pin', nowhere, url, '--fingerprint', fingerprint, '--token-file', tokenFile)).toMatchObject({
    code: 0,
  })
  const other = fingerprint.replace(/^./, (letter) => (letter === 'a' ? 'b' : 'a'))
  expect(await add('forged', url, '--fingerprint', other, '--token-file', tokenFile)).toMatchObject({ code: 0 })
  expect(await add('gone', nowhere, '--retries', '1', '--ca-file', authority)).toMatchObject({ code: 0 })

  expect(await away.run('use', 'pin')).toMatchObject({ code: 0, stdout: 'Now using cluster: pin\n' })
  expect(await away.json<{ name: string }[]>('nodes')).toMatchObject([{ name: 'blue-1' }])
  expect(await away.json('which')).toMatchObject({ cluster: 'pin', servers: [nowhere, url] })
  expect(JSON.stringify(await away.json('which'))).not.toContain(tokenOf(server))
  expect(await away.run('leader', '--context', 'blue')).toMatchObject({ code: 0 })
  expect(await away.run('leader', 'blue')).toMatchObject({ code: 0 })
  expect(await away.run('health', 'blue')).toMatchObject({ code: 0, stdout: 'healthy\n' })
  const silent = await away.run('health', 'pin')
  expect(silent).toMatchObject({ code: 1, stdout: expect.stringContaining(`no Gantry answers on ${nowhere}`) })
  expect(await away.run('nodes', 'gone')).toMatchObject({ code: 7 })
  expect(await away.run('health', 'blue', '--context', 'pin')).toMatchObject({ code: 2 })
  away.env['GANTRY_CONTEXT'] = 'blue'
  expect(await away.run('join-token', 'create')).toMatchObject({ code: 0 })
  expect(await away.run('nodes', '--context', 'forged')).toMatchObject({ code: 6 })
  expect(await away.run('nodes', '--context', 'gone')).toMatchObject({ code: 7 })
  const distrust = await away.run('nodes', '--url', url, '--token-file', tokenFile)
  expect(distrust).toMatchObject({ code: 6, stderr: expect.stringContaining('cannot trust the server') })
  const plain = await away.run('nodes', '--url', 'http://192.0.2.1:1', '--token-file', tokenFile)
  expect(plain).toMatchObject({ code: 2, stderr: expect.stringContaining('use https://192.0.2.1:1') })
  expect((await away.run('clusters')).stdout.split('\n').map((line) => line.split(/\s+/)[1])).toEqual(
    expect.arrayContaining(['blue', 'pin', 'forged', 'gone']),
  )
  expect(await away.run('clusters', 'rm', 'gone')).toMatchObject({ code: 0 })
  expect(await away.run('use', 'gone')).toMatchObject({ code: 1 })
})

test('the file of GoCluster’s command line is read as it is, and keeps its comments', async () => {
  const server = await aMachine()
  await server.up('--name', 'green-1')
  const away = await aMachine()
  Object.assign(away.env, { GANTRY_DATA: '', GANTRY_TOKEN: tokenOf(server) })
  const file = join(away.dataDir, '.gocluster.yaml')
  const text = `# our clusters
cli:
  timeout: 5
clusters:
  Green: # the main one
    port: 7946
    nodes:
      down: 127.0.0.1:${await freePort()}
      up: 127.0.0.1:${server.port}
`
  writeFileSync(file, text)
  expect(await away.run('use', 'Green')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('port has no effect'),
  })
  expect(readFileSync(file, 'utf8')).toBe(`${text}selected_cluster: Green\n`)
  expect(await away.json('nodes')).toMatchObject([{ name: 'green-1' }])
})

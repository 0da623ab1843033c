import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'

test('a start that fails after its agent has begun leaves nothing running', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'gantry-late-'))
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' ? String(address?.port) : ''
  const child = spawn(process.execPath, [resolve('test/starts-late.ts'), dataDir, port], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 20_000,
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
    other.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  expect(said).toBe(`cannot listen on 127.0.0.1:${port}: another program listens there\n`)
  expect(code).toBe(0)
}, 30_000)

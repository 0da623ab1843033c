import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aGantry, type Gantry } from './gantry.ts'

const BUNDLE = join(process.cwd(), 'dist', 'gantry.cjs')
const MANIFEST = 'services: { web: { replicas: 2, command: [sleep, "1000"] } }'

let gantry: Gantry
beforeAll(async () => {
  gantry = await aGantry({ GANTRY_RUNTIME: 'process' })
  await gantry.up()
})
afterAll(() => gantry[Symbol.asyncDispose]())

/** Runs a command on a terminal of its own (that of util-linux' `script`), and answers what it asks. */
async function onTerminal(
  words: readonly string[],
  answer: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; shown: string }> {
  const line = [process.execPath, BUNDLE, ...words].map((word) => `'${word}'`).join(' ')
  const { NO_COLOR: _, ...rest } = gantry.env
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    env: { ...rest, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let shown = ''
  child.stdout.on('data', (data: Buffer) => {
    if (!shown.includes('[y/N]') && data.toString().includes('[y/N]')) child.stdin.write(answer)
    shown += data.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, shown }
}

function manifest(): string {
  const path = join(gantry.dataDir, 'web.yaml')
  writeFileSync(path, MANIFEST)
  return path
}

test.each([
  { answer: 'n\n', ends: 1 },
  { answer: '\n', ends: 1 },
  { answer: '\u0004', ends: 1 },
  { answer: '\u0003', ends: 130 },
])('on a terminal an apply asks, and after $answer it ends with $ends and changes nothing', async ({
  answer,
  ends,
}) => {
  const { code, shown } = await onTerminal(['apply', '-c', manifest()], answer, { NO_COLOR: '1' })
  expect(code).toBe(ends)
  expect(shown).toContain('Apply this plan? [y/N]')
  expect(shown).toContain('Nothing was changed.')
  expect(await gantry.json<unknown[]>('services')).toEqual([])
})

test('on a terminal the progress is drawn in place and in colours', async () => {
  const { code, shown } = await onTerminal(['apply', '-c', manifest()], 'y\n', {})
  expect(code).toBe(0)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal obeys
  expect(shown).toMatch(/\u001b\[2A\r\u001b\[J/)
  expect(shown).toContain('\u001b[32m  web  2 of 2 ready, healthy\u001b[39m')
  expect(shown).toMatch(/Manifest 1 is applied/)
})

test.each([
  { words: ['services', '--no-color'], env: {} },
  { words: ['services'], env: { NO_COLOR: '1' } },
])('without colours, by $words and $env, a terminal gets plain text', async ({ words, env }) => {
  const { code, shown } = await onTerminal(words, '', env)
  expect(code).toBe(0)
  expect(shown).toContain('healthy')
  expect(shown).not.toContain('\u001b')
})

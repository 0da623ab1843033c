import { expect, test } from 'vitest'
import { dockerCli } from '../../src/drivers/docker-cli.ts'
import { engineTests } from './engine-tests.ts'
import { BUSYBOX_IMAGE } from './images.ts'

engineTests((engine) => {
  async function docker(...argv: string[]): Promise<{ readonly said: readonly string[]; readonly code: number }> {
    const session = await dockerCli(engine.host)({ argv, timeoutMs: 60_000 })
    const said: string[] = []
    for await (const { stream, data } of session.output) said.push(`${stream}: ${Buffer.from(data).toString()}`)
    return { said: said.toSorted(), code: await session.exit }
  }

  test('a command of Docker runs at the engine of the node, with its output, its errors and its code', async () => {
    const script = 'echo here; echo ill >&2; exit 3'
    expect(await docker('run', '--rm', '--network', 'none', BUSYBOX_IMAGE, 'sh', '-c', script)).toEqual({
      said: ['stderr: ill\n', 'stdout: here\n'],
      code: 3,
    })
    expect(await docker('images', '--format', '{{.Repository}}:{{.Tag}}', BUSYBOX_IMAGE)).toEqual({
      said: [`stdout: ${BUSYBOX_IMAGE}\n`],
      code: 0,
    })
    const { said, code } = await docker('inspect', 'nobody')
    expect([code, said.join('')]).toEqual([1, expect.stringContaining('No such object: nobody')])
  })
})

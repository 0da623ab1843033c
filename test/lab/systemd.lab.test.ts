import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unitName } from '../../src/core/install/unit.ts'
import type { ServiceView } from '../../src/core/model/view.ts'
import { type Ended, until } from '../system/gantry.ts'
import { WEB } from '../system/machines.ts'
import type { Host } from './host.ts'
import { labTests } from './lab-tests.ts'
import { Systemd } from './systemd.ts'

labTests((start) => {
  test('systemd has nothing to say against the units of nodes', async () => {
    const lab = await start({ hosts: 1 })
    const host = lab.host(1)
    for (const volume of ['/var/lib/gantry', join(lab.directory, 'a b 100% $HOME')])
      for (const role of ['server', 'agent']) {
        const words = ['--seeds', host.address, '--role', role, '--token-file', aSecret(host), '--volume', volume]
        const { stdout } = await host.gantry('install', ...words, '--print-unit')
        const unit = join(lab.directory, unitName(volume))
        writeFileSync(unit, stdout)
        const said = await host.run(['systemd-analyze', 'verify', '--recursive-errors=no', unit])
        expect(said).toEqual({ code: 0, stdout: '', stderr: '' })
      }
  })

  test('a node that systemd runs is started again after kill -9 and at the next boot, and its tasks run on when it is stopped', async () => {
    const lab = await start({ hosts: 1 })
    const host = lab.host(1)
    const volume = join(lab.directory, 'a b 100% $HOME')
    const unit = unitName(volume)
    let systemd = await Systemd.boot(host)
    const gantry = (...words: string[]): Promise<Ended> =>
      systemd.run(process.execPath, join(process.cwd(), 'dist', 'gantry.cjs'), ...words)
    const words = ['--seeds', host.address, '--role', 'server', '--token-file', aSecret(host), '--runtime', 'process']
    const installed = await gantry('install', '--volume', volume, ...words, '--systemd')
    expect(installed).toMatchObject({ code: 0, stdout: '[1] Node installed\n' })
    const manifest = join(lab.directory, 'web.yaml')
    writeFileSync(manifest, WEB)
    expect(await gantry('apply', '--data', volume, '--yes', '--config', manifest)).toMatchObject({ code: 0 })
    const sleeping = async (): Promise<string> => (await systemd.run('pidof', 'sleep')).stdout
    const tasks = await sleeping()
    expect(tasks.split(' ')).toHaveLength(3)

    const main = await systemd.property(unit, 'MainPID')
    await systemd.run('kill', '-KILL', main)
    await until(
      () => systemd.property(unit, 'NRestarts'),
      (restarts) => restarts === '1',
    )
    await healthy(() => gantry('services', '--data', volume, '--json'))
    expect(await systemd.property(unit, 'MainPID')).not.toBe(main)
    expect(await sleeping()).toBe(tasks)

    await systemd.run('systemctl', 'stop', unit)
    // Ended by itself, in order and in time: not killed.
    expect(await systemd.property(unit, 'Result')).toBe('success')
    expect(await systemd.property(unit, 'ActiveState')).toBe('inactive')
    expect(await sleeping()).toBe(tasks)
    await systemd.run('systemctl', 'start', unit)
    await healthy(() => gantry('services', '--data', volume, '--json'))
    expect(await sleeping()).toBe(tasks)

    await host.reboot()
    systemd = await Systemd.boot(host)
    await healthy(() => gantry('services', '--data', volume, '--json'))
    expect((await sleeping()).split(' ')).toHaveLength(3)

    expect(await gantry('uninstall', '--volume', volume, '--yes')).toMatchObject({ code: 0 })
    expect(await systemd.property(unit, 'LoadState')).toBe('not-found')
    expect(await sleeping()).toBe('')
  })

  test('a node that does not come up under systemd takes its unit away, and says what the journal has', async () => {
    const lab = await start({ hosts: 1 })
    const host = lab.host(1)
    const volume = join(lab.directory, 'volume')
    const systemd = await Systemd.boot(host)
    const words = ['--seeds', host.address, '--role', 'server', '--token-file', aSecret(host), '--volume', volume]
    const store = ['--backend-type', 'etcd', '--etcd-endpoints', '127.0.0.1:1', '--request-timeout', '1s', '--force']
    const bundle = join(process.cwd(), 'dist', 'gantry.cjs')
    const refused = await systemd.run(process.execPath, bundle, 'install', ...words, ...store)
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('127.0.0.1:1') })
    expect(await systemd.property(unitName(volume), 'LoadState')).toBe('not-found')
  })
})

function aSecret(host: Host): string {
  const file = join(host.directory, 'secret')
  mkdirSync(host.directory, { recursive: true })
  writeFileSync(file, 'OneSecretForAllOfThem7\n', { mode: 0o600 })
  return file
}

/** Resolves when the services are healthy again, as the node says itself. */
async function healthy(ask: () => Promise<Ended>): Promise<void> {
  await until(
    ask,
    ({ code, stdout }) =>
      code === 0 && (JSON.parse(stdout) as ServiceView[]).every(({ health }) => health === 'healthy'),
  )
}

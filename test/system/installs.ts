import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { processesOf } from '../../src/drivers/service/detached.ts'
import { freePort } from '../free-port.ts'
import { aGantry, type Ended, type Gantry } from './gantry.ts'
import { removeRemains } from './remove-remains.ts'

/** Volumes on this machine that stand for machines, with a cluster secret and a place for one server. */
export interface Installs {
  /** Runs commands; nothing of it is a node. */
  readonly gantry: Gantry
  readonly seed: string
  readonly secret: string
  volume(name: string): string
  install(name: string, ...args: string[]): Promise<Ended>
  installServer(name: string, ...args: string[]): Promise<Ended>
  uninstall(name: string, ...args: string[]): Promise<Ended>
  /** What is left of a volume: its directory, and what `install` made beside it; and processes of it. */
  leftOf(name: string): string[]
}

/** Everything that is installed is taken away when the test ends. */
export async function someInstalls(): Promise<Installs> {
  const root = mkdtempSync(join(tmpdir(), 'gantry-install-'))
  const gantry = await aGantry({ GANTRY_RUNTIME: 'process' })
  const [link, api] = [await freePort(), await freePort()]
  const seed = `127.0.0.1:${link}`
  const secret = join(root, 'secret')
  writeFileSync(secret, 'theSecretOfTheUsers1\n', { mode: 0o600 })
  const names = new Set<string>()
  const volume = (name: string): string => join(root, name)
  const installs: Installs = {
    ...{ gantry, seed, secret, volume },
    install: (name, ...args) => {
      names.add(name)
      const told = args.includes('--token-file') ? [] : ['--token-file', secret]
      const role = args.includes('--role') ? [] : ['--role', 'agent']
      const words = ['--seeds', seed, '--volume', volume(name), '--name', name, ...told, ...role]
      return gantry.run('install', ...words, ...args)
    },
    installServer: (name, ...args) =>
      installs.install(name, '--role', 'server', '--listen', `127.0.0.1:${api}`, ...args),
    uninstall: (name, ...args) => gantry.run('uninstall', '--volume', volume(name), '--yes', ...args),
    leftOf: (name) => {
      const settings = join(volume(name), 'gantry.yaml')
      const running = ['up', 'agent'].flatMap((command) => processesOf([command, '--config', settings]))
      const files = [volume(name), `${volume(name)}.installing`].filter((path) => existsSync(path))
      return [...files, ...running.map(({ pid }) => `process ${pid}`)]
    },
  }
  onTestFinished(async () => {
    for (const name of names) {
      const { code, stderr } = await installs.uninstall(name, '--force')
      if (code !== 0 && code !== 4) throw new Error(`${name} could not be uninstalled: ${stderr}`)
    }
    rmSync(root, { recursive: true, force: true })
    await removeRemains(gantry.dataDir)
  })
  return installs
}

/** Makes an install look as it would after a loss of power. */
export function interrupt(volume: string, step: string): void {
  const path = join(volume, 'install.json')
  const record = JSON.parse(readFileSync(path, 'utf8')) as object
  writeFileSync(path, JSON.stringify({ ...record, state: 'installing', step }))
}

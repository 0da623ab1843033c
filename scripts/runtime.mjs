// What the npm scripts share. Plain JavaScript: it must run on whatever Node came with npm, from version 20.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The Node that Gantry is built for: a pinned package where one exists for this machine, else the one that runs this. */
export function runtimeNode() {
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(pinned)) return pinned
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath
  fail(
    `Gantry needs Node 22.19 or newer, and this is ${process.versions.node}. Install it, then run the command again.`,
    4,
  )
}

/** Installs the dependencies when they are missing or not those of the lock file. */
export function installDependencies() {
  const lock = join(root, 'package-lock.json')
  const marker = join(root, 'node_modules', '.package-lock.json')
  if (existsSync(marker) && statSync(marker).mtimeMs >= statSync(lock).mtimeMs) return
  process.stderr.write('Installing dependencies ...\n')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel', 'error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (npm.status !== 0) fail('The dependencies could not be installed; npm says why above.', 4)
}

/** Runs a program and ends this process the way it ended. Signals reach it directly: it is in the same foreground group. */
export function become(program, args, env = {}) {
  const child = spawn(program, args, { cwd: process.cwd(), stdio: 'inherit', env: { ...process.env, ...env } })
  // The child decides what an interrupt means; this process only waits for it.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  child.on('error', (error) => fail(`${program} could not be started: ${error.message}`, 4))
  child.on('exit', (code, signal) => {
    if (signal !== null) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    } else process.exit(code ?? 1)
  })
}

/** Runs a program to its end; ends this process with its exit code if that is not 0. */
export function mustRun(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) fail(`${program} could not be started: ${result.error.message}`, 4)
  if (result.status !== 0) process.exit(result.status ?? 1)
}

/** The version that package.json names. */
export function version() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
}

/** Says why and ends this process. */
export function fail(message, code) {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}

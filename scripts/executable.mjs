// The single executable: a copy of the pinned Node that carries the bundle and what V8 compiled of it.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fail, root } from './runtime.mjs'

const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** Makes the file `target` from a bundle. Where no Node is pinned for this machine it says so and makes nothing. */
export async function buildExecutable(bundle, target) {
  const node = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (!existsSync(node)) {
    process.stderr.write(`No pinned Node for ${process.platform}-${process.arch}: only the bundle was built.\n`)
    return
  }
  const work = mkdtempSync(`${target}-`)
  try {
    const blob = prepareBlob(node, bundle, work)
    const executable = join(work, 'gantry')
    copyFileSync(node, executable)
    chmodSync(executable, 0o755)
    await inject(executable, blob)
    // Whoever runs the old one meanwhile keeps it.
    renameSync(executable, target)
  } finally {
    rmSync(work, { recursive: true })
  }
}

function prepareBlob(node, bundle, work) {
  const source = readFileSync(bundle, 'latin1')
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${source}\n})`
  writeFileSync(join(work, 'bundle.js'), wrapped, 'latin1')
  mustSucceed(node, [join(root, 'scripts', 'compile-bundle.cjs'), 'bundle.js', 'compiled'], work)
  copyFileSync(join(root, 'scripts', 'executable-main.cjs'), join(work, 'main.cjs'))
  const config = {
    // These names stay in the executable, so they must not say where it was built.
    main: 'main.cjs',
    output: 'blob',
    assets: { bundle: 'bundle.js', compiled: 'compiled' },
    disableExperimentalSEAWarning: true,
    // The warning is about the loader that module-host.ts uses.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // NODE_OPTIONS are meant for the user's own programs.
    execArgvExtension: 'none',
  }
  writeFileSync(join(work, 'config.json'), JSON.stringify(config))
  mustSucceed(node, ['--experimental-sea-config', 'config.json'], work)
  return readFileSync(join(work, 'blob'))
}

function mustSucceed(node, args, cwd) {
  const { status } = spawnSync(node, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) fail('The executable could not be prepared; the reason is above.', 1)
}

async function inject(executable, blob) {
  const api = await import(join(root, 'node_modules', 'postject', 'dist', 'api.js'))
  await (api.default ?? api).inject(executable, 'NODE_SEA_BLOB', blob, { sentinelFuse: FUSE })
}

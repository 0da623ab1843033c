// The single executable: a copy of the pinned Node that carries the program and what V8 compiled of it.
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
import { bundle } from './bundle.mjs'
import { fail, root } from './runtime.mjs'

const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** In the main script of the executable, src/cli/main.ts is what comes as an asset. */
const programAsAsset = {
  name: 'program-as-asset',
  setup(build) {
    const path = join(root, 'scripts', 'executable-program.cjs')
    build.onResolve({ filter: /^\.\/main\.ts$/ }, () => ({ path }))
  },
}

/** Makes the file `target`. Where no Node is pinned for this machine it says so and makes nothing. */
export async function buildExecutable(target) {
  const node = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (!existsSync(node)) {
    process.stderr.write(`No pinned Node for ${process.platform}-${process.arch}: only the bundle was built.\n`)
    return
  }
  const work = mkdtempSync(`${target}-`)
  process.once('exit', () => rmSync(work, { recursive: true }))
  const blob = await prepareBlob(node, work)
  const executable = join(work, 'gantry')
  copyFileSync(node, executable)
  chmodSync(executable, 0o755)
  const postject = join(root, 'node_modules', 'postject', 'dist', 'cli.js')
  mustSucceed(node, [postject, executable, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', FUSE], work)
  // Whoever runs the old one meanwhile keeps it.
  renameSync(executable, target)
}

async function prepareBlob(node, work) {
  await bundle('start.ts', join(work, 'start.js'), [programAsAsset])
  const program = join(work, 'program.js')
  await bundle('main.ts', program)
  const source = readFileSync(program, 'latin1')
  writeFileSync(program, `(function (exports, require, module, __filename, __dirname) {${source}\n})`, 'latin1')
  mustSucceed(node, [join(root, 'scripts', 'compile-program.cjs'), 'program.js', 'compiled'], work)
  const config = {
    // These names stay in the executable, so they must not say where it was built.
    main: 'start.js',
    output: 'blob',
    assets: { program: 'program.js', compiled: 'compiled' },
    disableExperimentalSEAWarning: true,
    // The warning is about the loader that module-host.ts uses.
    execArgv: ['--disable-warning=ExperimentalWarning', '--disable-warning=DEP0123'],
    // NODE_OPTIONS are meant for the user's own programs.
    execArgvExtension: 'none',
  }
  writeFileSync(join(work, 'config.json'), JSON.stringify(config))
  mustSucceed(node, ['--experimental-sea-config', 'config.json'], work)
  return join(work, 'blob')
}

/** What the programs say matters only when they fail. */
function mustSucceed(node, args, cwd) {
  // Settings of whoever builds have no part in it.
  const { status, stdout, stderr } = spawnSync(node, args, { cwd, env: {}, encoding: 'utf8' })
  if (status !== 0) fail(`${stdout}${stderr}\nThe executable could not be built; the reason is above.`, 1)
}

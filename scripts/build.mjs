// `npm run build`: the bundle dist/gantry.cjs, and from it the single executable dist/gantry. `--bundle`: only the bundle.
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lazyBuiltins } from './lazy-builtins.mjs'
import { fail, root, runtimeNode, version } from './runtime.mjs'

const dist = join(root, 'dist')
mkdirSync(dist, { recursive: true })
const { build } = await import(join(root, 'node_modules', 'esbuild', 'lib', 'main.js'))
await build({
  entryPoints: [join(root, 'src', 'cli', 'main.ts')],
  outfile: join(dist, 'gantry.cjs'),
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  define: { GANTRY_VERSION: JSON.stringify(version()) },
  logLevel: 'warning',
  plugins: [lazyBuiltins],
})
// The first command must not be the slow one: this one leaves behind what Node has compiled, see bin/gantry.
spawnSync(runtimeNode(), [join(dist, 'gantry.cjs'), 'version'], {
  env: { ...process.env, NODE_COMPILE_CACHE: join(dist, 'compiled') },
})
if (!process.argv.includes('--bundle')) await buildExecutable()

/** Puts the bundle into a copy of the pinned Node (a single executable application). */
async function buildExecutable() {
  const node = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (!existsSync(node)) {
    process.stderr.write(`No pinned Node for ${process.platform}-${process.arch}: only the bundle was built.\n`)
    return
  }
  const config = join(dist, 'executable.json')
  const blob = join(dist, 'executable.blob')
  const target = join(dist, 'gantry')
  writeFileSync(
    config,
    JSON.stringify({
      main: join(dist, 'gantry.cjs'),
      output: blob,
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
    }),
  )
  const prepared = spawnSync(node, ['--experimental-sea-config', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (prepared.status !== 0) fail('The executable could not be prepared; Node says why above.', 1)
  rmSync(target, { force: true })
  copyFileSync(node, target)
  const { inject } = await import(join(root, 'node_modules', 'postject', 'dist', 'api.js')).then(
    (api) => api.default ?? api,
  )
  const { readFileSync } = await import('node:fs')
  await inject(target, 'NODE_SEA_BLOB', readFileSync(blob), {
    sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2',
  })
  chmodSync(target, 0o755)
  for (const file of [config, blob]) rmSync(file, { force: true })
}

// `npm run build`: the bundle dist/gantry.cjs, and from it the single executable dist/gantry. `--bundle`: only the bundle.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildExecutable } from './executable.mjs'
import { lazyBuiltins } from './lazy-builtins.mjs'
import { root, runtimeNode, version } from './runtime.mjs'

const dist = join(root, 'dist')
const bundle = join(dist, 'gantry.cjs')
mkdirSync(dist, { recursive: true })
const { build } = await import(join(root, 'node_modules', 'esbuild', 'lib', 'main.js'))
await build({
  entryPoints: [join(root, 'src', 'cli', 'start.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  // The executable runs the bundle in a way in which `import()` does not work.
  supported: { 'dynamic-import': false },
  minify: true,
  keepNames: true,
  legalComments: 'none',
  define: { GANTRY_VERSION: JSON.stringify(version()) },
  logLevel: 'warning',
  plugins: [lazyBuiltins],
})
// The first command must not be the slow one: this listing of nothing leaves behind what Node has compiled, see bin/gantry.
spawnSync(runtimeNode(), [bundle, 'services', '--socket', '/dev/null'], {
  stdio: 'ignore',
  env: { ...process.env, NODE_COMPILE_CACHE: join(dist, 'compiled') },
})
if (!process.argv.includes('--bundle')) await buildExecutable(bundle, join(dist, 'gantry'))

// `npm run build`: the bundle dist/gantry.cjs, and the single executable dist/gantry. `--bundle`: only the bundle.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from './bundle.mjs'
import { buildExecutable } from './executable.mjs'
import { root, runtimeNode } from './runtime.mjs'

const dist = join(root, 'dist')
const file = join(dist, 'gantry.cjs')
mkdirSync(dist, { recursive: true })
await bundle('start.ts', file)
// The first command must not be the slow one: this listing of nothing leaves behind what Node has compiled, see bin/gantry.
spawnSync(runtimeNode(), [file, 'services', '--socket', '/dev/null'], {
  stdio: 'ignore',
  env: { NODE_COMPILE_CACHE: join(dist, 'compiled') },
})
if (!process.argv.includes('--bundle')) await buildExecutable(join(dist, 'gantry'))

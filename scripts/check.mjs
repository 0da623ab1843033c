// `npm run check`: everything that needs no container engine. Format, lint, types, dead code, layers, unit tests, lives.
import { join } from 'node:path'
import { installDependencies, mustRun, root, runtimeNode } from './runtime.mjs'

installDependencies()
const node = runtimeNode()
const bin = (name) => join(root, 'node_modules', '.bin', name)
const module = (...path) => join(root, 'node_modules', ...path)
const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` }

mustRun(bin('biome'), ['check', '--error-on-warnings', '.'], { env })
mustRun(bin('tsc'), [], { env })
mustRun(node, [module('knip', 'bin', 'knip.js')], { env })
mustRun(process.execPath, [join(root, 'scripts', 'build.mjs'), '--bundle'], { env })
if (!process.argv.includes('--static')) {
  mustRun(node, [module('vitest', 'vitest.mjs'), 'run', '--project', 'unit', '--project', 'sim'], { env })
}

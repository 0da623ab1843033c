// `npm start`: installs, builds, and runs a one-node cluster with the hello example in the foreground.
import { join } from 'node:path'
import { become, installDependencies, mustRun, root, runtimeNode } from './runtime.mjs'

installDependencies()
mustRun(process.execPath, [join(root, 'scripts', 'build.mjs'), '--bundle'])
const words = process.argv.slice(2)
const isNamed = words.some((word) => word === '--first' || word.startsWith('--first='))
const first = isNamed ? [] : ['--first', join(root, 'examples', 'hello', 'manifest.yaml')]
const data = process.env.GANTRY_DATA ?? join(root, '.gantry')
become(runtimeNode(), [join(root, 'dist', 'gantry.cjs'), 'up', ...first, ...words], {
  GANTRY_DATA: data,
  // Tasks are not to find what npm puts in front for its scripts.
  PATH: (process.env.PATH ?? '')
    .split(':')
    .filter((path) => !path.includes('node_modules'))
    .join(':'),
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'dist', 'compiled'),
  MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '1',
})

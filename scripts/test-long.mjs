// `npm run test:long`: the campaigns that take longer than a test may.
import { join } from 'node:path'
import { become, installDependencies, mustRun, root, runtimeNode } from './runtime.mjs'
import { installSystemPackages } from './system-packages.mjs'

installDependencies()
installSystemPackages()
mustRun(process.execPath, [join(root, 'scripts', 'build.mjs'), '--bundle'])
process.chdir(root)
const env = { PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` }
become(runtimeNode(), [join(root, 'test', 'long', 'main.ts'), ...process.argv.slice(2)], env)

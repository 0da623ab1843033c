// Runs a TypeScript program of the checkout with the Node that Gantry is built for: `node scripts/run.mjs FILE ARGUMENTS`.
import { join } from 'node:path'
import { become, fail, installDependencies, root, runtimeNode } from './runtime.mjs'

const [file, ...args] = process.argv.slice(2)
if (file === undefined) fail('usage: node scripts/run.mjs FILE [ARGUMENTS]', 2)
installDependencies()
process.chdir(root)
become(runtimeNode(), [join(root, file), ...args])

// Makes one CommonJS file of the sources.
import { join } from 'node:path'
import { lazyBuiltins } from './lazy-builtins.mjs'
import { root, version } from './runtime.mjs'

/** Bundles what a file of src/cli needs. */
export async function bundle(entry, outfile, plugins = []) {
  const { build } = await import(join(root, 'node_modules', 'esbuild', 'lib', 'main.js'))
  await build({
    entryPoints: [join(root, 'src', 'cli', entry)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // In the executable `import()` does not work.
    supported: { 'dynamic-import': false },
    minify: true,
    keepNames: true,
    legalComments: 'none',
    define: { GANTRY_VERSION: JSON.stringify(version()) },
    logLevel: 'warning',
    plugins: [...plugins, lazyBuiltins],
  })
}

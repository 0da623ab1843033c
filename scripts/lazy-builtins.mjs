// Parts of Node that the libraries in the bundle load at once and then seldom or never use: with them a process takes
// some MiB more and starts later.
const SELDOM = /^(?:node:)?(?:http2|https|tls)$/

/** For esbuild: such a part is loaded when something of it is first used. */
export const lazyBuiltins = {
  name: 'lazy-builtins',
  setup(build) {
    build.onResolve({ filter: SELDOM }, ({ path, importer, namespace, kind }) =>
      kind === 'require-call' && namespace === 'file' && importer.includes('node_modules')
        ? { path: path.replace('node:', ''), namespace: 'lazy-builtin' }
        : { path, external: true },
    )
    build.onLoad({ filter: SELDOM, namespace: 'lazy-builtin' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => require('node:${path}')[name] })`,
      resolveDir: '/',
    }))
  },
}

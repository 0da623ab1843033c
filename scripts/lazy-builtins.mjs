// Parts of Node that the libraries in the bundle load at once and then seldom or never use: with them a process takes
// some MiB more and starts later.
const SELDOM = /^(?:node:)?(?:http2|https|tls|child_process)$/

/** Of the libraries that are ES modules, only this one takes such a part as a whole, so that a stand-in will do. */
const COMMANDER = /node_modules\/commander\//

function isLazy(kind, importer) {
  return (kind === 'require-call' && importer.includes('node_modules')) || COMMANDER.test(importer)
}

/** For esbuild: such a part is loaded when something of it is first used. */
export const lazyBuiltins = {
  name: 'lazy-builtins',
  setup(build) {
    build.onResolve({ filter: SELDOM }, ({ path, importer, namespace, kind }) =>
      isLazy(kind, importer) && namespace === 'file'
        ? { path: path.replace('node:', ''), namespace: 'lazy-builtin' }
        : { path, external: true },
    )
    build.onLoad({ filter: SELDOM, namespace: 'lazy-builtin' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => require('node:${path}')[name] })`,
      resolveDir: '/',
    }))
  },
}

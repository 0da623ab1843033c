// Compiles the bundle for the single executable: `node compile-bundle.cjs BUNDLE COMPILED`, with the Node that runs it
// later. Functions that never ran are not part of what V8 keeps, so listings are run first.
const { readFileSync, writeFileSync } = require('node:fs')
const { createServer } = require('node:http')
const { Script } = require('node:vm')

const LISTINGS = [['services'], ['tasks', '--json'], ['nodes']]
const [bundle, compiled] = process.argv.slice(2)
const script = new Script(readFileSync(bundle, 'latin1'), { filename: 'gantry' })
const socket = `${compiled}.sock`
const server = createServer((_, response) => response.setHeader('content-type', 'application/json').end('[]'))
const { exit } = process

server.listen(socket, async () => {
  for (const words of LISTINGS) {
    const code = await run([...words, '--socket', socket])
    if (code !== 0) exit(code)
  }
  writeFileSync(compiled, script.createCachedData())
  exit(0)
})

/** Runs the program once in this process; resolves with the code that it would end with. */
function run(words) {
  process.argv = [process.execPath, process.execPath, ...words]
  return new Promise((resolve) => {
    process.exit = resolve
    script.runInThisContext()({}, require, { exports: {} }, process.execPath, '')
  })
}

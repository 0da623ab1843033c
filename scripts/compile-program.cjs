// Compiles the program of the single executable: `node compile-program.cjs PROGRAM COMPILED`, with the Node that runs it
// later. Functions that never ran are not part of what V8 keeps, so listings are run first.
const { readFileSync, writeFileSync } = require('node:fs')
const { createServer } = require('node:http')
const { Script } = require('node:vm')

const LISTINGS = [['services'], ['tasks', '--json'], ['nodes']]
const [file, compiled] = process.argv.slice(2)
const script = new Script(readFileSync(file, 'latin1'), { filename: 'gantry' })
const program = { exports: {} }
script.runInThisContext()(program.exports, require, program, process.execPath, '')

const socket = `${compiled}.sock`
const server = createServer((_, response) => response.setHeader('content-type', 'application/json').end('[]'))
server.listen(socket, async () => {
  for (const words of LISTINGS) {
    const code = await program.exports.main([...words, '--socket', socket])
    if (code !== 0) process.exit(code)
  }
  writeFileSync(compiled, script.createCachedData())
  process.exit()
})

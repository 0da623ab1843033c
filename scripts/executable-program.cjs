// Stands in for src/cli/main.ts in the main script of the single executable: the program is an asset of it, which comes
// with what V8 compiled of it when it was built.
const { dirname } = require('node:path')
const { getRawAsset } = require('node:sea')
const { Script } = require('node:vm')

// The program is plain ASCII, so that its bytes are its characters.
const source = Buffer.from(getRawAsset('program')).latin1Slice()
const script = new Script(source, { filename: 'gantry', cachedData: Buffer.from(getRawAsset('compiled')) })
const program = { exports: {} }
script.runInThisContext()(program.exports, require, program, process.execPath, dirname(process.execPath))
module.exports = program.exports

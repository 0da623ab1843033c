// Main script of the single executable: runs the bundle, an asset of it, with what V8 compiled of it when it was built.
const { dirname } = require('node:path')
const { getRawAsset } = require('node:sea')
const { Script } = require('node:vm')

// The bundle is plain ASCII, so that its bytes are its characters.
const source = Buffer.from(getRawAsset('bundle')).latin1Slice()
const bundle = new Script(source, { filename: 'gantry', cachedData: Buffer.from(getRawAsset('compiled')) })
bundle.runInThisContext()({}, require, { exports: {} }, process.execPath, dirname(process.execPath))

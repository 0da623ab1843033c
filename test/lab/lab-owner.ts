import { argv } from 'node:process'
import { Lab } from './lab.ts'

// Starts a lab on the images of a directory, says where it is, and stays until it is killed.
const [, , images = ''] = argv
const lab = await Lab.start({ hosts: 1, images })
console.log(lab.directory)
setInterval(() => undefined, 60_000)

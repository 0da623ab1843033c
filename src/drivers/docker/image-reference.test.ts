import { expect, test } from 'vitest'
import { parseImage } from './image-reference.ts'

test.each([
  ['nginx', 'nginx', 'latest'],
  ['nginx:alpine', 'nginx', 'alpine'],
  ['localhost:5000/team/web', 'localhost:5000/team/web', 'latest'],
  ['localhost:5000/team/web:2', 'localhost:5000/team/web', '2'],
  ['web@sha256:0123', 'web@sha256:0123', null],
  ['web:2@sha256:0123', 'web:2@sha256:0123', null],
])('%s is the image %s with the tag %s', (image, name, tag) => {
  expect(parseImage(image)).toEqual({ name, tag })
})

test.each(['', '-x', 'a b', '../../containers/json', 'a/../b', 'web?x=1', 'web#1'])('%j is no image', (image) => {
  expect(() => parseImage(image)).toThrow(expect.objectContaining({ code: 'IMAGE_UNAVAILABLE' }))
})

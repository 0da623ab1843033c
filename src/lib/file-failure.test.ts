import { expect, test } from 'vitest'
import { fileFailure } from './file-failure.ts'

test('a code of the file system is said in words, and one that is not known as it is', () => {
  expect(fileFailure('ENOTDIR')).toBe('a part of its path is no directory')
  expect(fileFailure('EXDEV')).toBe('EXDEV')
})

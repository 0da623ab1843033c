import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { delimiter, resolve } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { errorCode } from '../durable-text.ts'

/**
 * Finds the file that a name stands for, as a shell in that directory would: a name with a slash is a path, another is
 * looked up in the directories of `path`. Throws RUNTIME_REFUSED with the true reason when it could not be executed.
 */
export async function findProgram(name: string, path: string, workingDir: string): Promise<string> {
  await requireDirectory(workingDir)
  const tried = name.includes('/')
    ? [resolve(workingDir, name)]
    : path.split(delimiter).map((directory) => resolve(workingDir, directory, name))
  let refusal = ''
  for (const file of tried) {
    const reason = await whyNotExecutable(file)
    if (reason === null) return file
    refusal ||= reason
  }
  if (refusal !== '') throw new OperationalError('RUNTIME_REFUSED', `cannot run ${name}: ${refusal}`)
  throw new OperationalError('RUNTIME_REFUSED', `cannot run ${name}: there is no such program`, {
    hint: name.includes('/') ? `it was looked for at ${tried.join(', ')}` : `it was looked for in ${path}`,
  })
}

async function requireDirectory(path: string): Promise<void> {
  const found = await statOrNull(path)
  if (found?.isDirectory()) return
  const reason = found === null ? 'does not exist' : 'is not a directory'
  throw new OperationalError('RUNTIME_REFUSED', `the working directory ${path} ${reason}`)
}

/** null: it can be executed; empty: it is not there. */
async function whyNotExecutable(file: string): Promise<string | null> {
  const found = await statOrNull(file)
  if (found === null) return ''
  if (!found.isFile()) return `${file} is not a file`
  try {
    await access(file, constants.X_OK)
  } catch (error) {
    return errorCode(error) === 'EACCES' ? `${file} is not executable` : `${file}: ${errorCode(error)}`
  }
  const interpreter = await interpreterOf(file)
  if (interpreter === null || (await statOrNull(interpreter)) !== null) return null
  return `${file} needs the interpreter ${interpreter}, which does not exist`
}

/** The program that the first line of a script names; null when it is no script. */
async function interpreterOf(path: string): Promise<string | null> {
  try {
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(256), position: 0 })
      const text = buffer.toString('latin1', 0, bytesRead)
      return /^#![ \t]*(\/[^\s]+)/.exec(text)?.[1] ?? null
    } finally {
      await file.close()
    }
  } catch (error) {
    // It may be executed without being readable.
    if (errorCode(error) === 'EACCES') return null
    throw error
  }
}

async function statOrNull(path: string): Promise<{ isFile(): boolean; isDirectory(): boolean } | null> {
  try {
    return await stat(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].includes(errorCode(error))) return null
    throw error
  }
}

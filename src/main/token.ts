import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { OperationalError } from '../core/errors.ts'
import { errorCode, replaceFile } from '../drivers/durable-text.ts'
import { fileFailure } from '../lib/file-failure.ts'

/** Reads the API token of this data directory, making one the first time. The file is readable by its owner alone. */
export async function apiToken(path: string): Promise<{ readonly id: string; readonly sha256: string }> {
  if (!existsSync(path)) await replaceFile(path, `${randomBytes(32).toString('base64url')}\n`)
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new OperationalError('CONFIG_INVALID', `${path} can be read by others`, { hint: `chmod 600 ${path}` })
  }
  const token = readToken(path)
  if (token.length < 16)
    throw new OperationalError('CONFIG_INVALID', `${path} holds no token of at least 16 characters`)
  const sha256 = createHash('sha256').update(token).digest('hex')
  return { id: sha256.slice(0, 8), sha256 }
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new OperationalError('CONFIG_INVALID', `cannot read the token in ${path}: ${fileFailure(errorCode(cause))}`, {
      hint: 'the file must be one that this user may read; without it a new token is made',
      cause,
    })
  }
}

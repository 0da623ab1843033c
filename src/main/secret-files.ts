import { readFileSync } from 'node:fs'
import { OperationalError } from '../core/errors.ts'
import { errorCode } from '../drivers/durable-text.ts'
import { fileFailure } from '../lib/file-failure.ts'

/** Reads the one line of a file; `what` names it in errors. Throws CONFIG_INVALID, never with what is in the file. */
export function readSecret(path: string, what: string): string {
  const text = read(path, what).replace(/\r?\n$/, '')
  if (text !== '' && !/[\r\n]/.test(text)) return text
  throw new OperationalError('CONFIG_INVALID', `cannot use ${path} as ${what}: it does not hold one line`)
}

/** Reads a file of certificates or keys; `what` names it in errors. Throws CONFIG_INVALID. */
export function readPem(path: string, what: string): string {
  const text = read(path, what)
  if (text.includes('-----BEGIN ')) return text
  throw new OperationalError('CONFIG_INVALID', `cannot use ${path} as ${what}: it is not in PEM`, {
    hint: 'such a file has a line like -----BEGIN CERTIFICATE-----',
  })
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const why = fileFailure(errorCode(cause))
    throw new OperationalError('CONFIG_INVALID', `cannot read ${what} from ${path}: ${why}`, { cause })
  }
}

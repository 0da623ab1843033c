import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Document } from 'yaml'
import { OperationalError } from '../../core/errors.ts'

/**
 * Changes a file in YAML and leaves everything else in it as it is, comments and unknown keys too. It is replaced whole or
 * not at all; one that is not there is made. Throws CONFIG_INVALID when it cannot be read or written.
 */
export function editFile(path: string, change: (document: Document) => void): Promise<void> {
  return replace(path, (document) => {
    change(document)
    return document.toString({ lineWidth: 0 })
  })
}

/** Sets a key at the root of a file to a text. No other line of it changes. */
export function setKey(path: string, key: string, value: string): Promise<void> {
  return replace(path, (document, text) => {
    const place = placeOf(document, key)
    if (place === 'flow') {
      document.set(key, value)
      return document.toString({ lineWidth: 0 })
    }
    const word = /^[A-Za-z_][\w.-]*$/.test(value) ? value : JSON.stringify(value)
    if (place !== null) {
      const [from, to] = place
      return `${text.slice(0, from)}${from === to ? ' ' : ''}${word}${text.slice(to)}`
    }
    return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${key}: ${word}\n`
  })
}

/** Where the value of a key at the root stands; null: there is none; `flow`: the file is not made of lines. */
function placeOf({ contents }: Document, key: string): readonly [number, number] | null | 'flow' {
  if (contents === null) return null
  if (!('items' in contents) || ('flow' in contents && contents.flow === true)) return 'flow'
  for (const pair of contents.items as readonly { key?: unknown; value?: unknown }[]) {
    if (!isScalar(pair.key) || pair.key.value !== key) continue
    return isScalar(pair.value) && pair.value.range ? [pair.value.range[0], pair.value.range[1]] : 'flow'
  }
  return null
}

function isScalar(
  node: unknown,
): node is { readonly value: unknown; readonly range?: readonly [number, number, number] } {
  return typeof node === 'object' && node !== null && 'value' in node && !('items' in node)
}

async function replace(path: string, change: (document: Document, text: string) => string): Promise<void> {
  const { parseDocument } = await import('yaml')
  try {
    // A link to the file stays one.
    const real = existsSync(path) ? realpathSync(path) : path
    const before = existsSync(real) ? readFileSync(real, 'utf8') : ''
    const document = parseDocument(before)
    const [problem] = document.errors
    if (problem !== undefined) throw problem
    const after = change(document, before)
    mkdirSync(dirname(real), { recursive: true, mode: 0o700 })
    const mode = existsSync(real) ? statSync(real).mode & 0o777 : 0o600
    const temporary = `${real}.${process.pid}.tmp`
    writeFileSync(temporary, after, { mode, flag: 'wx' })
    renameSync(temporary, real)
  } catch (cause) {
    if (cause instanceof OperationalError) throw cause
    const [message = ''] = (cause as Error).message.split('\n')
    throw new OperationalError('CONFIG_INVALID', `cannot change ${path}: ${message.replace(/:$/, '')}`, { cause })
  }
}

import { execFile } from 'node:child_process'
import { OperationalError } from '../../core/errors.ts'

/** Whom a program runs as. */
export interface UserIds {
  readonly uid: number
  readonly gid: number
}

/**
 * Looks up `name`, `uid`, `name:group` or `uid:gid`; without a group it is the user's own, or the number itself for a
 * user that the machine does not know. Throws RUNTIME_REFUSED for an unknown name.
 */
export async function lookUpUser(text: string): Promise<UserIds> {
  const [user = '', group = ''] = text.split(':', 2)
  const uid = isNumber(user) ? Number(user) : await idOf('-u', user, text)
  if (group === '') {
    const own = await askForId('-g', user)
    return { uid, gid: own ?? uid }
  }
  return { uid, gid: isNumber(group) ? Number(group) : await groupId(group, text) }
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text)
}

async function idOf(option: string, name: string, text: string): Promise<number> {
  const id = await askForId(option, name)
  if (id === null) throw new OperationalError('RUNTIME_REFUSED', `cannot run as ${text}: there is no user ${name}`)
  return id
}

async function groupId(name: string, text: string): Promise<number> {
  const line = await output('getent', ['group', '--', name])
  const id = line?.split(':')[2]
  if (id === undefined)
    throw new OperationalError('RUNTIME_REFUSED', `cannot run as ${text}: there is no group ${name}`)
  return Number(id)
}

async function askForId(option: string, name: string): Promise<number | null> {
  const text = name === '' ? null : await output('id', [option, '--', name])
  return text === null ? null : Number(text.trim())
}

/** What a program prints; null when it fails. The machine's own tools also know users of directory services. */
function output(program: string, argv: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, argv, (error, stdout) => resolve(error === null ? stdout : null))
  })
}

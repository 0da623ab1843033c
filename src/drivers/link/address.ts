import { OperationalError } from '../../core/errors.ts'

/** Where servers listen for agents. */
export const LINK_PORT = 7947

/** Reads `host`, `host:port` or `[v6]:port`; without a port it is the link's own. Throws USAGE. */
export function hostAndPort(text: string): { readonly host: string; readonly port: number } {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const port = parts?.[3] === undefined ? LINK_PORT : Number(parts[3])
  const host = parts?.[1] ?? parts?.[2]
  if (host === undefined || port < 1 || port > 65_535)
    throw new OperationalError('USAGE', `${text} is no address of a server`, { hint: 'use HOST or HOST:PORT' })
  return { host, port }
}

/** Whether other machines may find this one by the address: not one that is good on this machine, or on one link, only. */
export function meansSomethingToOthers(address: string): boolean {
  return address !== '' && !/^(127\.|::1$|::ffff:127\.|fe80:|169\.254\.)/.test(address)
}

import { JuteReader, JuteWriter } from './jute.ts'

/** Numbers of the requests that are used here. */
export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren: 8,
  sync: 9,
  ping: 11,
  check: 13,
  multi: 14,
  auth: 100,
  closeSession: -11,
} as const

/** Request numbers with a meaning of their own. */
export const XID = { watch: -1, ping: -2, auth: -4 } as const

/** Answers of the server that something here depends on. */
export const CODE = {
  ok: 0,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  sessionExpired: -112,
  authFailed: -115,
  sessionMoved: -118,
  quotaExceeded: -125,
} as const

/** Any version, in requests that take one. */
export const ANY_VERSION = -1

/** What becomes of a new node: it stays, or goes with its session and gets a number at the end of its name. */
export type Lifetime = 'persistent' | 'ephemeral-sequential'

/** One step of a transaction. */
export type Step =
  | { readonly kind: 'create'; readonly path: string; readonly data: Buffer }
  | { readonly kind: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'check'; readonly path: string; readonly version: number }

/** What the server says about a transaction: done, with each changed node's version, or which step failed and why. */
export type MultiResult =
  | { readonly kind: 'done'; readonly versions: readonly (number | null)[] }
  | { readonly kind: 'failed'; readonly step: number; readonly code: number }

/** Who may use what is created: anyone, or only who has authenticated like its creator. */
export type Access = 'anyone' | 'creator'

export interface Handshake {
  readonly lastZxid: bigint
  readonly timeoutMs: number
  readonly sessionId: bigint
  readonly password: Buffer
}

export function connectPacket(wanted: Handshake): Buffer {
  const { lastZxid, timeoutMs, sessionId, password } = wanted
  const readOnly = false
  return new JuteWriter().int(0).long(lastZxid).int(timeoutMs).long(sessionId).bytes(password).bool(readOnly).packet()
}

/** null: the server does not know that session any more. */
export function readHandshake(packet: Buffer): Omit<Handshake, 'lastZxid'> | null {
  const reader = new JuteReader(packet)
  reader.int()
  const timeoutMs = reader.int()
  const sessionId = reader.long()
  const password = Buffer.from(reader.bytes())
  return timeoutMs > 0 ? { timeoutMs, sessionId, password } : null
}

export function authPacket(scheme: string, secret: string): Buffer {
  return new JuteWriter().int(XID.auth).int(OP.auth).int(0).text(scheme).bytes(Buffer.from(secret)).packet()
}

export function writeCreate(
  writer: JuteWriter,
  node: { readonly path: string; readonly data: Buffer },
  access: Access,
  lifetime: Lifetime = 'persistent',
): void {
  const everything = 31
  writer.text(node.path).bytes(node.data).int(1).int(everything)
  if (access === 'anyone') writer.text('world').text('anyone')
  else writer.text('auth').text('')
  writer.int(lifetime === 'persistent' ? 0 : 3)
}

export function writeMulti(writer: JuteWriter, steps: readonly Step[], access: Access): void {
  for (const step of steps) {
    writer.int(stepOp(step)).bool(false).int(-1)
    if (step.kind === 'create') writeCreate(writer, step, access)
    else if (step.kind === 'set') writer.text(step.path).bytes(step.data).int(step.version)
    else writer.text(step.path).int(step.kind === 'check' ? step.version : ANY_VERSION)
  }
  writer.int(-1).bool(true).int(-1)
}

export function readMulti(reader: JuteReader): MultiResult {
  const versions: (number | null)[] = []
  for (;;) {
    const type = reader.int()
    const done = reader.bool()
    reader.int()
    if (done) return { kind: 'done', versions }
    let version: number | null = null
    if (type === OP.create) reader.text()
    else if (type === OP.setData) version = readVersion(reader)
    else if (type === -1) {
      const code = reader.int()
      if (code !== CODE.ok) return { kind: 'failed', step: versions.length, code }
    }
    versions.push(version)
  }
}

/** Reads what the server says about a node; only the number of its last change is of use here. */
export function readVersion(reader: JuteReader): number {
  for (let i = 0; i < 4; i++) reader.long()
  const version = reader.int()
  reader.int()
  reader.int()
  reader.long()
  reader.int()
  reader.int()
  reader.long()
  return version
}

function stepOp(step: Step): number {
  switch (step.kind) {
    case 'create':
      return OP.create
    case 'set':
      return OP.setData
    case 'delete':
      return OP.delete
    case 'check':
      return OP.check
  }
}

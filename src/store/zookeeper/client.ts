import { OperationalError } from '../../core/errors.ts'
import type { Answer } from './connection.ts'
import { isAnswerLost, RefusedByServer, unreachable } from './failures.ts'
import type { JuteWriter } from './jute.ts'
import type { Access, MultiResult, Step } from './protocol.ts'
import { ANY_VERSION, CODE, OP, readMulti, readVersion, writeCreate, writeMulti } from './protocol.ts'
import type { Session } from './session.ts'

/** A reading is asked again when its answer was lost: as often as connections may fail in a row. */
const READ_TRIES = 4

/** A node as it was read. */
export interface NodeState {
  readonly data: Buffer
  /** Grows by one each time that its data is set. */
  readonly version: number
}

/**
 * ZooKeeper's requests, typed, within one session. Readings reject with UNAVAILABLE when no answer comes; writings do
 * too when nothing was sent, and with OUTCOME_UNKNOWN when the answer was lost. Other answers than those that the result
 * has a word for reject with RefusedByServer.
 */
export class Client {
  readonly session: Session
  readonly #access: Access

  constructor(session: Session, access: Access) {
    this.session = session
    this.#access = access
  }

  /** null: there is no such node. `onChange` calls once when this may no longer be so; not for a node that is absent. */
  async get(path: string, onChange?: () => void): Promise<NodeState | null> {
    const { code, body } = await this.#read(OP.getData, path, onChange)
    if (code === CODE.noNode) return null
    requireOk(code, `to read ${path}`)
    const data = body.bytes()
    return { data, version: readVersion(body) }
  }

  /** `onChange` calls once when this may no longer be so. */
  async exists(path: string, onChange?: () => void): Promise<boolean> {
    const { code } = await this.#read(OP.exists, path, onChange)
    if (code === CODE.noNode) return false
    requireOk(code, `to look for ${path}`)
    return true
  }

  /** Names of the nodes below, in no order; null: there is no such node. */
  async children(path: string): Promise<readonly string[] | null> {
    const { code, body } = await this.#read(OP.getChildren, path)
    if (code === CODE.noNode) return null
    requireOk(code, `to list ${path}`)
    return body.texts()
  }

  /** After it, readings see everything that anybody was told is written. */
  async sync(path: string): Promise<void> {
    const { code } = await this.#again(() => this.session.ask(OP.sync, (writer) => writer.text(path)))
    requireOk(code, `to catch up for ${path}`)
  }

  /** False: it is there already. */
  async create(path: string, data: Buffer): Promise<boolean> {
    const { code } = await this.#create(path, data, 'persistent')
    if (code === CODE.nodeExists) return false
    requireOk(code, `to create ${path}`)
    return true
  }

  /** Makes a node that goes with the session, and returns its path: the given one and a number that grows. */
  async createEphemeral(prefix: string, data: Buffer): Promise<string> {
    const { code, body } = await this.#create(prefix, data, 'ephemeral-sequential')
    requireOk(code, `to create ${prefix}`)
    return body.text()
  }

  /** Returns the new version; null: it is not at that version, or not there. */
  async set(path: string, data: Buffer, version: number): Promise<number | null> {
    const write = (writer: JuteWriter): unknown => writer.text(path).bytes(data).int(version)
    const { code, body } = await this.session.ask(OP.setData, write)
    if (code === CODE.badVersion || code === CODE.noNode) return null
    requireOk(code, `to write ${path}`)
    return readVersion(body)
  }

  /** Deletes a node, whatever its version; one that is absent is as good. */
  async remove(path: string): Promise<void> {
    const { code } = await this.session.ask(OP.delete, (writer) => writer.text(path).int(ANY_VERSION))
    if (code !== CODE.noNode) requireOk(code, `to delete ${path}`)
  }

  /** Carries out all steps or none. */
  async multi(steps: readonly Step[]): Promise<MultiResult> {
    const { code, body } = await this.session.ask(OP.multi, (writer) => writeMulti(writer, steps, this.#access))
    if (code === CODE.sessionExpired || code === CODE.sessionMoved) throw unreachable('the session is gone')
    return body.atEnd ? { kind: 'failed', step: 0, code } : readMulti(body)
  }

  #create(path: string, data: Buffer, lifetime: 'persistent' | 'ephemeral-sequential'): Promise<Answer> {
    const node = { path, data }
    return this.session.ask(OP.create, (writer) => writeCreate(writer, node, this.#access, lifetime))
  }

  #read(op: number, path: string, onChange?: () => void): Promise<Answer> {
    return this.#again(() => {
      if (onChange !== undefined) this.session.onChange(path, onChange)
      return this.session.ask(op, (writer) => writer.text(path).bool(onChange !== undefined))
    })
  }

  async #again(ask: () => Promise<Answer>): Promise<Answer> {
    for (let tried = 1; ; tried++) {
      try {
        return await ask()
      } catch (error) {
        if (!isAnswerLost(error)) throw error
        if (tried >= READ_TRIES) throw unreachable('its answers are lost', error)
      }
    }
  }
}

function requireOk(code: number, what: string): void {
  if (code === CODE.ok) return
  if (code === CODE.sessionExpired || code === CODE.sessionMoved) throw unreachable('the session is gone')
  const cause = new RefusedByServer(code, what)
  if (code === CODE.noAuth || code === CODE.authFailed) {
    throw new OperationalError('PREREQUISITE', `cannot use ZooKeeper: it does not allow us ${what}`, {
      hint: 'give the user and password that the nodes belong to',
      cause,
    })
  }
  throw cause
}

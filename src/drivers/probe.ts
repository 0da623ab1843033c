import { request } from 'node:http'
import { connect } from 'node:net'
import type { Millis } from '../core/model/ids.ts'
import { networkFailure } from '../lib/network-failure.ts'
import type { ProbeResult, ProbeTarget } from '../ports/host.ts'
import { errorCode } from './durable-text.ts'

// A body up to this size is read, so that the server does not see a broken connection for an ordinary answer.
const LONGEST_BODY_BYTES = 65_536

/**
 * Asks once, over a connection of its own. HTTP is ok from 200 to 399 as soon as the headers are there; redirects are
 * not followed. TCP is ok when the connection is accepted. The time limit covers everything from the name's look-up on.
 */
export async function probe(target: ProbeTarget, timeoutMs: Millis): Promise<ProbeResult> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), timeoutMs)
  try {
    return await (target.kind === 'http' ? probeHttp(target, abort.signal) : probeTcp(target, abort.signal))
  } catch (error) {
    const message = abort.signal.aborted ? `no answer within ${timeoutMs} ms` : failureText(error)
    return { ok: false, message }
  } finally {
    clearTimeout(timer)
  }
}

function probeHttp(target: ProbeTarget & { kind: 'http' }, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const { host, port, path } = target
    // A connection of its own, closed afterwards: a kept one would hide a server that accepts no new ones.
    const headers = { connection: 'close', 'user-agent': 'gantry-probe' }
    const call = request({ host, port, path, headers, agent: false, signal }, (response) => {
      const status = response.statusCode ?? 0
      const ok = status >= 200 && status < 400
      resolve({ ok, message: ok ? '' : `HTTP ${status}` })
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > LONGEST_BODY_BYTES) response.destroy()
      })
      // The answer is known; a body that never ends or breaks off is dropped.
      response.on('error', () => response.destroy())
      response.setTimeout(1_000, () => response.destroy())
    })
    call.on('error', reject)
    call.end()
  })
}

function probeTcp({ host, port }: ProbeTarget & { kind: 'tcp' }, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal }, () => {
      resolve({ ok: true, message: '' })
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

function failureText(error: unknown): string {
  const code = errorCode(error)
  return networkFailure(code) ?? (code.startsWith('HPE_') ? 'answer is not HTTP' : code)
}

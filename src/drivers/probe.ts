import { type ClientRequest, request } from 'node:http'
import { connect, type Socket } from 'node:net'
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
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<ProbeResult>((resolve, reject) => {
      const call = target.kind === 'http' ? callHttp(target, resolve) : callTcp(target, resolve)
      call.on('error', reject)
      // Not a signal: a request that listens for one costs a fifth more.
      timer = setTimeout(() => {
        resolve({ ok: false, message: `no answer within ${timeoutMs} ms` })
        call.destroy()
      }, timeoutMs)
    })
  } catch (error) {
    return { ok: false, message: failureText(error) }
  } finally {
    clearTimeout(timer)
  }
}

type Answer = (result: ProbeResult) => void

function callHttp({ host, port, path }: ProbeTarget & { kind: 'http' }, answer: Answer): ClientRequest {
  // A connection of its own, closed afterwards: a kept one would hide a server that accepts no new ones.
  const headers = { connection: 'close', 'user-agent': 'gantry-probe' }
  const call = request({ host, port, path, headers, agent: false }, (response) => {
    const status = response.statusCode ?? 0
    const ok = status >= 200 && status < 400
    answer({ ok, message: ok ? '' : `HTTP ${status}` })
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > LONGEST_BODY_BYTES) response.destroy()
    })
    // The answer is known; a body that never ends or breaks off is dropped.
    response.on('error', () => response.destroy())
    response.setTimeout(1_000, () => response.destroy())
  })
  call.end()
  return call
}

function callTcp({ host, port }: ProbeTarget & { kind: 'tcp' }, answer: Answer): Socket {
  const socket = connect({ host, port }, () => {
    answer({ ok: true, message: '' })
    socket.destroy()
  })
  return socket
}

function failureText(error: unknown): string {
  const code = errorCode(error)
  return networkFailure(code) ?? (code.startsWith('HPE_') ? 'answer is not HTTP' : code)
}

import { get } from 'node:http'
import { argv, stdout } from 'node:process'

// Asks a URL at a fixed rate, each time on a connection of its own, and prints what became of each request.
const [, , url = '', perSecond = '10', timeoutMs = '2000'] = argv

function ask(): void {
  const at = Date.now()
  const began = performance.now()
  const told = (status: number): void => {
    stdout.write(`${JSON.stringify({ at, ms: Math.round(performance.now() - began), status })}\n`)
  }
  const asked = get(url, { agent: false, signal: AbortSignal.timeout(Number(timeoutMs)) }, (response) => {
    response.resume()
    response.once('end', () => told(response.statusCode ?? 0))
    response.once('error', () => told(0))
  })
  asked.once('error', () => told(0))
}

setInterval(ask, 1000 / Number(perSecond))

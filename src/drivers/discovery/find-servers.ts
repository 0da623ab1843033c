import { randomBytes } from 'node:crypto'
import type { FoundHint } from '../../core/discovery/hint.ts'
import { judgeHint } from '../../core/discovery/judge-hint.ts'
import { labelOf } from '../../core/discovery/label.ts'
import { encodeSearch } from '../../core/discovery/packet.ts'
import { searchPauseMs } from '../../core/discovery/search-pause.ts'
import type { ServerSearch } from '../../ports/discovery.ts'
import { AskingSockets } from './asking-sockets.ts'
import { FoundHints } from './found-hints.ts'
import { searchKey } from './keys.ts'
import type { UdpOptions } from './udp.ts'

/** Answers to the search before count too: they may have been on the way when the next one left. */
const OPEN_SEARCHES = 2

/** The searching node's half of discovery: see the port. */
export async function* findServers(
  options: UdpOptions,
  search: ServerSearch,
  signal: AbortSignal,
): AsyncGenerator<FoundHint> {
  const { clock, rng } = options
  const label = labelOf(search.clusterName)
  const key = searchKey(search.secret, search.authorityHash)
  const found = new FoundHints()
  let nonces: readonly string[] = []
  const sockets = new AskingSockets(options, (packet, from) => {
    const hint = judgeHint(packet, from, { label, key, nonces })
    if (hint !== null) found.add(hint)
  })
  try {
    for (let round = 0; !signal.aborted; round++) {
      const nonce = randomBytes(16).toString('hex')
      nonces = [nonce, ...nonces].slice(0, OPEN_SEARCHES)
      await sockets.ask(encodeSearch({ nonce, at: Date.now(), label }, key), search.nodes)
      yield* found.until(clock, clock.now() + searchPauseMs(round, rng.next()), signal)
    }
  } finally {
    await sockets.close()
  }
}

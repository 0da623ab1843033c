import type { connectivityState } from '@grpc/grpc-js'
import { Client, credentials } from '@grpc/grpc-js'
import type { Millis } from '../../core/model/ids.ts'
import type { Clock } from '../../ports/clock.ts'

/** PEM text; certificate and key are those of this client, for an etcd that asks for them. */
export interface TlsText {
  /** Whom we trust; without it whom the system trusts. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Name that the server's certificate must carry, where it is not the one in the endpoint. */
  readonly serverName?: string
}

/** One member of etcd. */
export interface Endpoint {
  readonly address: string
  readonly client: Client
  /** What is open there. */
  readonly streams: Set<{ cancel(): void }>
}

/**
 * - Pings every 10 s, also without calls: a member that stopped is noticed after 13 s. etcd takes offence at more than
 *   one ping in 5 s.
 * - No limit for answers: a page of large objects is larger than gRPC's default.
 */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
}

export function makeEndpoint(address: string, tls: TlsText | null): Endpoint {
  const bytes = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text))
  const security =
    tls === null ? credentials.createInsecure() : credentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.cert))
  const name = tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }
  return { address, client: new Client(address, security, { ...CHANNEL_OPTIONS, ...name }), streams: new Set() }
}

/** Resolves when the channel is no longer in that state, at the latest at `until`. */
export function stateChange(
  channel: ReturnType<Client['getChannel']>,
  state: connectivityState,
  clock: Clock,
  until: Millis,
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.callAt(until, resolve)
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => {
      cancel()
      resolve()
    })
  })
}

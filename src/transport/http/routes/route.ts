import type * as z from 'zod'
import type { Api, Caller } from '../../../control/api.ts'

export const METHODS = ['GET', 'POST', 'DELETE'] as const
export type Method = (typeof METHODS)[number]

/**
 * `user`: whoever the gate lets in; `node`: a machine of the cluster too, which asks for whoever is root there and sees
 * how things are, but neither specs nor logs; `public`: everybody who reaches the port.
 */
export type Access = 'user' | 'node' | 'public'

/** A request whose parts have passed their schemas. */
export interface RouteRequest<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly caller: Caller
  /** The server that was asked, which has passed this on; null: this one was. */
  readonly at: string | null
  /** Aborts when the client is gone or the server closes. */
  readonly signal: AbortSignal
  /** The last event that a resumed stream has seen; null: none. */
  readonly lastEventId: string | null
}

/**
 * What a route answers with. `events`: a JSON list, or server-sent events for those who ask to follow. `pulses`: server-sent
 * values that are not kept, so nobody can ask for those before.
 */
export type AnswerKind = 'json' | 'lines' | 'events' | 'pulses' | 'text' | 'exec'

interface Described<P, Q, B> {
  readonly method: Method
  /** With `:name` for parameters and `*` for the rest. */
  readonly path: string
  /** One line for the reference. */
  readonly summary: string
  readonly access?: Access
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly body?: z.ZodType<B>
  /** Largest body taken; left out: 1 MiB. */
  readonly bodyLimitBytes?: number
  /** It tells of the server that is asked: that one answers itself, whoever leads. */
  readonly ofItself?: true
}

/** One row of the table that the server, the OpenAPI document and the tests are made from. */
export interface Route {
  readonly method: Method
  readonly path: string
  readonly summary: string
  readonly access: Access
  readonly params: z.ZodType | null
  readonly query: z.ZodType | null
  readonly body: z.ZodType | null
  readonly bodyLimitBytes: number
  readonly ofItself: boolean
  /** The form of its failures. */
  readonly errors: 'gantry' | 'gokube' | 'gocluster'
  readonly answer: { readonly kind: AnswerKind; readonly status: number; readonly schema: z.ZodType }
  readonly handle: (api: Api, request: RouteRequest<unknown, unknown, unknown>) => unknown
}

export const MIB = 1024 * 1024

/** A route that answers with one JSON value. */
export function jsonRoute<R, P = unknown, Q = unknown, B = unknown>(
  route: Described<P, Q, B> & {
    readonly status?: 200 | 201 | 202 | 204
    readonly response: z.ZodType<R>
    readonly handle: (api: Api, request: RouteRequest<P, Q, B>) => R | Promise<R>
  },
): Route {
  return erase(route, { kind: 'json', status: route.status ?? 200, schema: route.response }, route.handle)
}

/** A route that answers with a stream: JSON lines, or events. */
export function streamRoute<R, P = unknown, Q = unknown>(
  route: Described<P, Q, unknown> & {
    readonly kind: 'lines' | 'events' | 'pulses'
    /** Of one item. */
    readonly response: z.ZodType<R>
    /** A stream, or a whole answer for those who do not follow. */
    readonly handle: (
      api: Api,
      request: RouteRequest<P, Q, unknown>,
    ) => AsyncIterable<R> | readonly R[] | { readonly data: readonly R[] }
  },
): Route {
  return erase(route, { kind: route.kind, status: 200, schema: route.response }, route.handle)
}

/** Whether an answer may go on for as long as the client likes. */
export function isStreamed({ answer: { kind } }: Route): boolean {
  return kind === 'lines' || kind === 'events' || kind === 'pulses'
}

/** A route that answers with text. */
export function textRoute(
  route: Described<unknown, unknown, unknown> & {
    readonly response: z.ZodType<string>
    readonly handle: (api: Api) => string
  },
): Route {
  return erase(route, { kind: 'text', status: 200, schema: route.response }, route.handle)
}

/** A route that becomes a WebSocket; `handle` only says what is wrong when it does not. */
export function execRoute<P>(
  route: Described<P, unknown, unknown> & {
    readonly response: z.ZodType
    readonly handle: (api: Api, request: RouteRequest<P, unknown, unknown>) => never
  },
): Route {
  return erase(route, { kind: 'exec', status: 101, schema: route.response }, route.handle)
}

function erase<P, Q, B>(
  route: Described<P, Q, B>,
  answer: Route['answer'],
  handle: (api: Api, request: RouteRequest<P, Q, B>) => unknown,
): Route {
  return {
    method: route.method,
    path: route.path,
    summary: route.summary,
    access: route.access ?? 'user',
    params: route.params ?? null,
    query: route.query ?? null,
    body: route.body ?? null,
    bodyLimitBytes: route.bodyLimitBytes ?? MIB,
    ofItself: route.ofItself === true,
    errors: 'gantry',
    answer,
    // The server hands over only what these schemas have passed.
    handle: handle as Route['handle'],
  }
}

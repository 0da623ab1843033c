import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import * as z from 'zod'
import type { Api, Caller } from '../../control/api.ts'
import { OperationalError } from '../../core/errors.ts'
import type { Event } from '../../core/model/event.ts'
import type { Millis } from '../../core/model/ids.ts'
import { InvariantError } from '../../lib/assert.ts'
import type { Log } from '../../ports/log.ts'
import { IDEMPOTENCY_HEADER } from '../wire.ts'
import type { Gate } from './auth.ts'
import { checkInput } from './check-input.ts'
import { asOperational, errorAnswer } from './error-answer.ts'
import { errorForm, failureAnswer } from './error-forms.ts'
import { ASKED_AT_HEADER } from './forward.ts'
import type { RequestCounter } from './metrics.ts'
import { MAX_HEADERS } from './new-server.ts'
import { readOff } from './read-off.ts'
import { isStreamed, type Route, type RouteRequest } from './routes/route.ts'
import { sendEvents, sendLines, sendPulses } from './streams.ts'

export interface AppDeps {
  readonly api: Api
  readonly log: Log
  readonly gate: Gate
  readonly requests: RequestCounter
  readonly routes: readonly Route[]
  /** Requests of which it is known who sent them: over the socket, the local user. */
  readonly local: WeakMap<IncomingMessage, string>
  /** The machine of the cluster that passes a request on; null: it came another way. */
  readonly nodeOf: (request: IncomingMessage) => string | null
  /** Aborts when the server closes. */
  readonly closing: AbortSignal
  /** Every answer that is no stream has begun by then, or is a failure. */
  readonly answerWithinMs: Millis
}

const MAX_URL = 8 * 1024

/** The application behind all listeners: every route of the table, deny by default, one form of error. */
export function createApp(deps: AppDeps): FastifyInstance {
  const app = fastify({
    // The framework never listens itself: two listeners of ours feed `app.routing`.
    serverFactory: (handler) => createServer(handler),
    genReqId: () => randomBytes(8).toString('hex'),
    exposeHeadRoutes: false,
    // The table's own schemas check requests, so the framework's compilers need not be loaded.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    routerOptions: { maxParamLength: MAX_URL, ignoreTrailingSlash: false, caseSensitive: true },
    frameworkErrors: (error, request, reply) => sendError(error, request, reply, deps),
  })
  takeOnlyJson(app)
  app.decorateRequest('by', '')
  app.addHook('onRequest', async (request) => admit(request, deps))
  app.addHook('onResponse', async (_request, reply) => deps.requests.count(reply.statusCode))
  app.setErrorHandler(async (error, request, reply) => {
    if (asOperational(error)?.code === 'LIMIT_EXCEEDED') await readOff(request.raw)
    return sendError(error, request, reply, deps)
  })
  app.setNotFoundHandler((request, reply) => {
    const there = routesAt(request.url, deps.routes)
    const allowed = [...new Set(there.map(({ method }) => method))]
    if (allowed.length > 0) void reply.header('allow', allowed.join(', '))
    return sendError(unknownRoute(request, allowed), request, reply, deps, there[0])
  })
  for (const route of deps.routes) addRoute(app, route, deps)
  return app
}

function noCompiler(): never {
  throw new InvariantError('a route was given a schema of the framework')
}

/** Bodies are JSON. An empty one is none, because some clients name the type of a body that they do not send. */
function takeOnlyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parse(request, body, done)
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, as events name it; empty: nobody that we know. */
    by: string
  }
  interface FastifyContextConfig {
    readonly route?: Route
  }
}

/** Lets a request in, or throws. What the table does not call public needs a user, unknown paths included. */
async function admit(request: FastifyRequest, { gate, local, nodeOf }: AppDeps): Promise<void> {
  if (request.raw.rawHeaders.length > 2 * MAX_HEADERS)
    throw new OperationalError('LIMIT_EXCEEDED', `the request has more than ${MAX_HEADERS} headers`)
  if (request.url.length > MAX_URL) throw new OperationalError('LIMIT_EXCEEDED', 'the URL is longer than 8 KiB')
  const known = local.get(request.raw)
  if (known !== undefined) {
    request.by = known
    return
  }
  const access = request.routeOptions.config.route?.access ?? 'user'
  const node = nodeOf(request.raw)
  if (node !== null && access !== 'user' && request.headers.authorization === undefined) {
    request.by = node
    return
  }
  gate.checkAddressee(request.raw)
  if (access !== 'public') request.by = gate.authenticate(request.raw)
}

function addRoute(app: FastifyInstance, route: Route, deps: AppDeps): void {
  const streams = isStreamed(route)
  app.route({
    method: route.method,
    url: route.path,
    bodyLimit: route.bodyLimitBytes,
    config: { route },
    ...(streams ? {} : { handlerTimeout: deps.answerWithinMs }),
    handler: (request, reply) => answer(route, request, reply, deps),
  })
}

async function answer(route: Route, request: FastifyRequest, reply: FastifyReply, deps: AppDeps): Promise<unknown> {
  const gone = new AbortController()
  const streams = isStreamed(route)
  const signal = streams ? AbortSignal.any([gone.signal, deps.closing]) : deps.closing
  const result = await route.handle(deps.api, inputOf(route, request, signal))
  void reply.code(route.answer.status).header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  void reply.header('x-request-id', request.id)
  if (route.answer.kind === 'text') return reply.type('text/plain; version=0.0.4; charset=utf-8').send(result)
  if (isStream(result)) {
    reply.hijack()
    const context = { requestId: request.id, log: deps.log, gone }
    if (route.answer.kind === 'events') await sendEvents(reply.raw, result as AsyncIterable<Event>, context)
    else if (route.answer.kind === 'pulses') await sendPulses(reply.raw, result, context)
    else await sendLines(reply.raw, result, context)
    return reply
  }
  if (route.answer.status === 204) return reply.send()
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(result))
}

function inputOf(route: Route, request: FastifyRequest, signal: AbortSignal): RouteRequest<unknown, unknown, unknown> {
  const { 'last-event-id': lastEventId, [ASKED_AT_HEADER]: at } = request.headers
  const stream = route.answer.kind === 'events' && request.headers.accept?.includes('text/event-stream')
  const query = stream ? { ...(request.query as object), follow: 'true' } : request.query
  return {
    params: route.params === null ? null : checkInput(route.params, request.params, 'path'),
    query: route.query === null ? noQuery(query) : checkInput(route.query, { ...(query as object) }, 'query'),
    body: route.body === null ? null : checkInput(route.body, request.body === undefined ? {} : request.body, 'body'),
    caller: callerOf(request),
    signal,
    at: typeof at === 'string' && at !== '' ? at.slice(0, 200) : null,
    lastEventId: typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId.slice(0, 200) : null,
  }
}

const NO_QUERY = z.strictObject({})

function noQuery(query: unknown): null {
  checkInput(NO_QUERY, { ...(query as object) }, 'query')
  return null
}

function callerOf(request: FastifyRequest): Caller {
  const key = request.headers[IDEMPOTENCY_HEADER]
  if (key === undefined) return { by: request.by, idempotencyKey: null }
  if (typeof key !== 'string' || !/^[\x20-\x7e]{1,128}$/.test(key)) {
    throw new OperationalError('USAGE', 'the idempotency key must be 1 to 128 printable characters')
  }
  return { by: request.by, idempotencyKey: key }
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** `route`: whose form of errors counts. */
function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { log, routes }: AppDeps,
  route: Route | undefined = request.routeOptions.config.route,
): FastifyReply {
  const known = asOperational(error)
  if (known === null) {
    log.error('fault in a request', { requestId: request.id, route: route?.path ?? null, error: stackOf(error) })
  }
  const wire = errorAnswer(lateWrite(known, route) ?? error, request.id)
  const { code, retryAfterMs } = wire.error
  if (code === 'UNAUTHENTICATED') void reply.header('www-authenticate', 'Bearer')
  if (retryAfterMs !== undefined) void reply.header('retry-after', Math.ceil(retryAfterMs / 1_000))
  void reply
    .header('x-request-id', request.id)
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
  void reply.type('application/json; charset=utf-8')
  const { status, body } = failureAnswer(errorForm(route, request.url, routes), wire)
  return reply.code(status).send(JSON.stringify(body))
}

/** A write that was not finished in time goes on, so nobody knows yet whether it will happen. */
function lateWrite(error: OperationalError | null, route: Route | undefined): OperationalError | null {
  if (error?.code !== 'TIMEOUT' || route === undefined || route.method === 'GET') return null
  return new OperationalError('OUTCOME_UNKNOWN', 'the server did not finish in time; it may still do it', {
    hint: 'send the same request with the same idempotency key again',
  })
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function unknownRoute(request: FastifyRequest, allowed: readonly string[]): OperationalError {
  const path = request.url.split('?')[0] ?? ''
  if (allowed.length === 0) {
    const hint = 'GET /api/v1/openapi.json lists all routes'
    return new OperationalError('NOT_FOUND', `there is no route ${path}`, { hint })
  }
  return new OperationalError('METHOD_NOT_ALLOWED', `${path} does not take ${request.method}`, {
    hint: `allowed: ${allowed.join(', ')}`,
  })
}

/** The routes that the table has for a path, whatever their methods. */
function routesAt(url: string, routes: readonly Route[]): readonly Route[] {
  const parts = (url.split('?')[0] ?? '').split('/')
  return routes.filter(({ path }) => {
    const wanted = path.split('/')
    if (wanted.at(-1) === '*')
      return parts.length >= wanted.length && wanted.slice(0, -1).every((part, i) => part === parts[i])
    return (
      wanted.length === parts.length &&
      wanted.every((part, i) => (part.startsWith(':') ? parts[i] !== '' : part === parts[i]))
    )
  })
}

/** Hands a request from a listener to the app. */
export type Serve = (request: IncomingMessage, response: ServerResponse) => void

import type { WireError } from '../wire.ts'
import type { Route } from './routes/route.ts'

export interface FailureAnswer {
  readonly status: number
  readonly body: unknown
}

/**
 * Whose form a failure has: its route's, and where there is no route that of the programs which use such paths.
 * `routes`: what is served there; where all have one form, failures have no other.
 */
export function errorForm(route: Route | undefined, url: string, routes: readonly Route[] = []): Route['errors'] {
  if (route !== undefined) return route.errors
  const [first, ...others] = routes
  if (first !== undefined && others.every(({ errors }) => errors === first.errors)) return first.errors
  if (/^\/(?:task|stats)(?![\w-])/.test(url)) return 'gokube'
  // Paths with a version are ours, whatever the version.
  return /^\/api\/(?!v\d)/.test(url) ? 'gocluster' : 'gantry'
}

/** A failure in the form that the client knows. */
export function failureAnswer(form: Route['errors'], wire: WireError): FailureAnswer {
  const { code, status, message } = wire.error
  switch (form) {
    case 'gantry':
      return { status, body: wire }
    case 'gocluster':
      return { status, body: { success: false, error: message } }
    case 'gokube': {
      // Gokube knows one code for everything that is wrong with a request.
      const plain = code === 'SPEC_INVALID' ? 400 : status
      return { status: plain, body: { HttpStatusCode: plain, Message: message } }
    }
  }
}

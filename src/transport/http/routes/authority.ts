import { authorityView } from '../schemas/authority.ts'
import { jsonRoute, type Route } from './route.ts'

export const authorityRoutes: readonly Route[] = [
  jsonRoute({
    method: 'GET',
    path: '/authority',
    summary: 'The certificate authority of the cluster, and how far a change of it is.',
    response: authorityView,
    handle: (api) => api.authority(),
  }),
]

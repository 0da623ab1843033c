import type { EventQuery, TaskLogLine } from '../control/api.ts'
import type { Event } from '../core/model/event.ts'
import type { HostStats } from '../core/model/host-stats.ts'
import type { Role, StretchedSecret } from '../core/model/identity.ts'
import type { Millis, NodeId, ServiceName, TaskId } from '../core/model/ids.ts'
import type { ManifestRevision } from '../core/model/manifest.ts'
import type { TaskSample } from '../core/model/message.ts'
import type {
  AuthorityView,
  BackupView,
  ClusterView,
  DispatchView,
  Explanation,
  Inspection,
  JoinTokenView,
  NodeView,
  RevisionProgress,
  ServerView,
  ServiceDetail,
  ServiceView,
  TaskView,
} from '../core/model/view.ts'
import type { SettingView } from '../core/settings/settings.ts'
import type { DockerRequest } from '../ports/host.ts'
import type { ExecRequest, ExecSession, LogQuery } from '../ports/runtime.ts'
import { type Connection, connectionTo, type Servers, type Target } from './client/connection.ts'
import { watchEvents } from './client/events.ts'
import { openExec } from './client/exec.ts'
import { readLines } from './client/lines.ts'
import type {
  ChangeRequest,
  DispatchDetail,
  DispatchRequest,
  Health,
  Validation,
  WireAccepted,
  WireMetric,
  WirePlan,
} from './wire.ts'

export type { TaskLogLine } from '../control/api.ts'
export type { Servers, Target } from './client/connection.ts'

/**
 * The API of a server, from the outside. Failures are OperationalErrors with the code, hint and problems that the
 * server gave; UNAVAILABLE when it cannot be reached, OUTCOME_UNKNOWN when the answer to a write was lost twice.
 * Streams end when their signal aborts and throw when they break off.
 */
export interface Client {
  health(): Promise<Health>
  cluster(): Promise<ClusterView>
  /** What the server that leads measures. */
  metrics(): Promise<readonly WireMetric[]>
  config(): Promise<readonly SettingView[]>
  setConfig(key: string, value: string): Promise<readonly SettingView[]>
  validate(text: string, file: string | null): Promise<Validation>
  plan(change: ChangeRequest): Promise<WirePlan>
  apply(change: ChangeRequest, plan: WirePlan | null): Promise<WireAccepted>
  revisions(): Promise<readonly Omit<ManifestRevision, 'text'>[]>
  revision(number: number): Promise<ManifestRevision>
  progress(number: number): Promise<RevisionProgress>
  createJoinToken(wish: {
    readonly role: Role
    readonly lifeMs?: Millis
    readonly uses?: number | null
  }): Promise<{ readonly text: string; readonly token: JoinTokenView }>
  joinTokens(): Promise<readonly JoinTokenView[]>
  servers(): Promise<readonly ServerView[]>
  removeServer(word: string): Promise<ServerView>
  revokeJoinToken(id: string): Promise<JoinTokenView>
  setClusterSecret(secret: StretchedSecret | null): Promise<{ readonly changed: true }>
  authority(): Promise<AuthorityView>
  createBackup(name: string | null): Promise<BackupView>
  backups(): Promise<readonly BackupView[]>
  /** The lines of a backup of the whole state as it is now. */
  backUp(signal: AbortSignal): AsyncIterable<string>
  settle(): Promise<{ readonly settled: boolean }>
  services(): Promise<readonly ServiceView[]>
  service(name: ServiceName): Promise<ServiceDetail>
  serviceLogs(name: ServiceName, query: LogQuery, signal: AbortSignal): AsyncIterable<TaskLogLine>
  scale(name: ServiceName, replicas: number): Promise<WireAccepted>
  restart(name: ServiceName): Promise<WireAccepted>
  tasks(filter: { readonly service: ServiceName | null; readonly all: boolean }): Promise<readonly TaskView[]>
  task(id: TaskId): Promise<TaskView>
  taskLogs(id: TaskId, query: LogQuery, signal: AbortSignal): AsyncIterable<TaskLogLine>
  stopTask(id: TaskId): Promise<TaskView>
  exec(id: TaskId, request: ExecRequest): Promise<ExecSession>
  nodes(): Promise<readonly NodeView[]>
  node(id: NodeId): Promise<NodeView>
  nodeStats(id: NodeId): Promise<HostStats>
  /** Runs a command of Docker on a node. */
  docker(node: NodeId, request: DockerRequest): Promise<ExecSession>
  samples(): Promise<readonly TaskSample[]>
  events(query: EventQuery): Promise<readonly Event[]>
  /** Those kept and then each as it happens; goes on after the last one seen when the connection breaks. */
  watchEvents(query: EventQuery, signal: AbortSignal): AsyncIterable<Event>
  dispatch(request: DispatchRequest): Promise<DispatchView>
  dispatches(): Promise<readonly DispatchView[]>
  dispatched(id: string): Promise<DispatchDetail>
  stopDispatch(id: string): Promise<DispatchView>
  inspect(task: TaskId): Promise<Inspection>
  explain(object: string): Promise<Explanation>
}

/**
 * Talks to a server over its socket, or over a URL with a token; or to whichever of several answers. Nothing is connected
 * before the first call, and no connection outlives its call.
 *
 * @example
 * const services = await createClient({ socketPath: '.gantry/gantry.sock' }).services()
 */
export function createClient(target: Target | Servers): Client {
  const connection = connectionTo('targets' in target ? target : { targets: [target], retries: 0 })
  return {
    ...manifestCalls(connection),
    ...taskCalls(connection),
    ...clusterCalls(connection),
    ...backupCalls(connection),
  }
}

type ManifestCalls = 'validate' | 'plan' | 'apply' | 'revisions' | 'revision' | 'progress' | 'services' | 'service'

function manifestCalls({ get, post, write }: Connection): Pick<Client, ManifestCalls | 'scale' | 'restart'> {
  return {
    validate: (text, file) => post('/validate', { text, file }),
    plan: (change) => post('/plan', { change }),
    apply: (change, plan) => write('/apply', plan === null ? { change } : { change, plan }),
    revisions: () => get('/revisions'),
    revision: (number) => get(`/revisions/${number}`),
    progress: (number) => get(`/revisions/${number}/progress`),
    services: () => get('/services'),
    service: (name) => get(`/services/${segment(name)}`),
    scale: (name, replicas) => write(`/services/${segment(name)}/scale`, { replicas }),
    restart: (name) => write(`/services/${segment(name)}/restart`, {}),
  }
}

type TaskCalls = 'tasks' | 'task' | 'stopTask' | 'inspect' | 'exec' | 'taskLogs' | 'serviceLogs'
type DispatchCalls = 'dispatch' | 'dispatches' | 'dispatched' | 'stopDispatch'

function taskCalls(connection: Connection): Pick<Client, TaskCalls | DispatchCalls> {
  const { get, write } = connection
  return {
    tasks: ({ service, all }) => get('/tasks', { service, all: all ? 'true' : null }),
    task: (id) => get(`/tasks/${segment(id)}`),
    stopTask: (id) => write(`/tasks/${segment(id)}/stop`, {}),
    inspect: (id) => write(`/tasks/${segment(id)}/inspect`, {}),
    exec: (id, request) => openExec(connection, `/tasks/${segment(id)}/exec`, request),
    taskLogs: (id, query, signal) => logLines(connection, `/tasks/${segment(id)}/logs`, query, signal),
    serviceLogs: (name, query, signal) => logLines(connection, `/services/${segment(name)}/logs`, query, signal),
    dispatch: (request) => write('/dispatches', request),
    dispatches: () => get('/dispatches'),
    dispatched: (id) => get(`/dispatches/${segment(id)}`),
    stopDispatch: (id) => write(`/dispatches/${segment(id)}/stop`, {}),
  }
}

type ClusterCalls =
  | 'metrics'
  | 'config'
  | 'setConfig'
  | 'docker'
  | 'health'
  | 'cluster'
  | 'nodes'
  | 'node'
  | 'nodeStats'
  | 'samples'
  | 'explain'
type JoinCalls =
  | 'setClusterSecret'
  | 'createJoinToken'
  | 'joinTokens'
  | 'revokeJoinToken'
  | 'authority'
  | 'servers'
  | 'removeServer'

function clusterCalls(connection: Connection): Pick<Client, ClusterCalls | JoinCalls | 'events' | 'watchEvents'> {
  const { get, write } = connection
  return {
    metrics: () => get('/cluster/metrics'),
    config: () => get('/config'),
    setConfig: (key, value) => write('/config', { key, value }),
    docker: (node, request) => openExec(connection, `/nodes/${node}/docker`, request),
    health: () => get('/health'),
    cluster: () => get('/cluster'),
    nodes: () => get('/nodes'),
    node: (id) => get(`/nodes/${id}`),
    nodeStats: (id) => get(`/nodes/${id}/stats`),
    samples: () => get('/samples'),
    events: (query) => get('/events', { ...query }),
    watchEvents: (query, signal) => watchEvents(connection, query, signal),
    createJoinToken: (wish) => write('/join-tokens', wish),
    joinTokens: () => get('/join-tokens'),
    servers: () => get('/servers'),
    removeServer: (word) => write(`/servers/${segment(word)}/remove`, {}),
    revokeJoinToken: (id) => write(`/join-tokens/${segment(id)}/revoke`, {}),
    setClusterSecret: (secret) => write('/cluster-secret', { secret }),
    authority: () => get('/authority'),
    explain: (object) => get(`/explain/${object.split('/').map(segment).join('/')}`),
  }
}

function backupCalls(connection: Connection): Pick<Client, 'createBackup' | 'backups' | 'backUp' | 'settle'> {
  const { get, write } = connection
  return {
    createBackup: (name) => write('/backups', name === null ? {} : { name }),
    backups: () => get('/backups'),
    backUp: (signal) => readLines<string>(connection, '/backup', {}, signal),
    settle: () => write('/cluster/settle', {}),
  }
}

function logLines(
  connection: Connection,
  path: string,
  { follow, tail, since }: LogQuery,
  signal: AbortSignal,
): AsyncIterable<TaskLogLine> {
  return readLines<TaskLogLine>(connection, path, { follow: follow ? 'true' : null, tail, since }, signal)
}

function segment(text: string | number): string {
  return encodeURIComponent(text)
}

import { OperationalError } from '../core/errors.ts'
import type { Event } from '../core/model/event.ts'
import type { HostStats } from '../core/model/host-stats.ts'
import type { StretchedSecret } from '../core/model/identity.ts'
import type { NodeId, ServiceName, TaskId } from '../core/model/ids.ts'
import type { Dispatch, ManifestRevision } from '../core/model/manifest.ts'
import type { TaskSample } from '../core/model/message.ts'
import type { Node } from '../core/model/node.ts'
import { keyOf, LEADERSHIP_KEY } from '../core/model/objects.ts'
import { type Change, isAuthorityChange, isNodeChange, type Plan } from '../core/model/plan.ts'
import type { ServiceSpec } from '../core/model/service.ts'
import { isAlive } from '../core/model/task.ts'
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
import { viewDispatch, viewService, viewTask, viewTaskAmong } from '../core/service/view.ts'
import { type SettingView, type Started, viewSettings } from '../core/settings/settings.ts'
import { compareText } from '../lib/collections.ts'
import type { Clock } from '../ports/clock.ts'
import type { DockerRequest } from '../ports/host.ts'
import type { AgentCalls } from '../ports/link.ts'
import type { Log } from '../ports/log.ts'
import type { ExecRequest, ExecSession, LogQuery } from '../ports/runtime.ts'
import type { Store } from '../ports/store.ts'
import type { StoreMembers } from '../ports/store-members.ts'
import { acceptChange } from './accept-change.ts'
import { acceptNodeChange } from './accept-node-change.ts'
import { acceptUpgrade, planOfUpgrade } from './accept-upgrade.ts'
import { type AdmissionDeps, changeClusterSecret, createJoinToken, joinTokens, revokeJoinToken } from './admission.ts'
import type { Accepted, Api, Caller, EventQuery, JoinTokenWish, NewJoinToken, TaskLogLine } from './api.ts'
import { acceptAuthorityChange, planAuthorityChange, viewAuthority } from './authority.ts'
import { type BackupDeps, type BackupTools, backUp, backupKeyOf, createBackup, listBackups } from './backups.ts'
import { setSetting } from './change-settings.ts'
import { createDispatch, findDispatch, stopDispatch, stopTask } from './dispatches.ts'
import { keptEvents, watchEvents } from './event-history.ts'
import { explainObject } from './explain-object.ts'
import { inspectTask } from './inspect-task.ts'
import { checkPlan, planChange } from './plan-change.ts'
import { planNodeChange } from './plan-node-change.ts'
import { removeServer } from './remove-server.ts'
import { requireTasks } from './require-tasks.ts'
import { runDocker } from './run-docker.ts'
import type { Sessions } from './sessions.ts'
import { settle } from './settle.ts'
import { serviceLogs, taskLogs } from './task-logs.ts'
import type { Term } from './term.ts'
import { leaderName, roleOf, viewCluster } from './view-cluster.ts'
import type { World } from './world.ts'

export interface ServerApiDeps {
  readonly store: Store
  readonly world: World
  readonly clock: Clock
  readonly log: Log
  /** null: another server leads, or none. */
  readonly term: () => Term | null
  /** Whether some server leads, as far as this one knows. */
  readonly isLed: () => boolean
  readonly admission: () => AdmissionDeps
  readonly backups: BackupTools
  readonly storeKind: string
  /** null: the store is kept elsewhere. */
  readonly storeMembers: StoreMembers | null
  readonly version: string
  /** What this server was started with. */
  /** What holds as long as users set nothing else. */
  readonly started: Started
  /** It may lose what it acknowledged: no tasks are kept there. */
  readonly isVolatile: boolean
}

/**
 * The facade over a server. Reads come from the mirror, whoever leads; writes are guarded commits, and they and what is
 * asked of agents are for the leader: elsewhere they throw NOT_LEADER.
 */
export class ServerApi implements Api {
  readonly #deps: ServerApiDeps

  constructor(deps: ServerApiDeps) {
    this.#deps = deps
  }

  cluster(): ClusterView {
    return viewCluster(this.#deps, this.nodes())
  }

  async plan(change: Change): Promise<Plan> {
    const deps = this.#leading()
    if (isAuthorityChange(change)) return planAuthorityChange(change, { ...deps, ...deps.admission() })
    if (change.kind === 'upgrade') return planOfUpgrade(change, deps.world)
    if (isNodeChange(change)) return planNodeChange(change, deps)
    requireTasks(deps)
    return (await planChange(change, deps)).plan
  }

  async apply(change: Change, plan: Plan | null, caller: Caller): Promise<Accepted> {
    const deps = this.#leading()
    const check = (now: Plan): void => checkPlan(now, plan)
    if (isAuthorityChange(change)) return acceptAuthorityChange(change, check, caller, { ...deps, ...deps.admission() })
    if (change.kind === 'upgrade') return acceptUpgrade(change, check, caller, deps)
    if (isNodeChange(change)) return acceptNodeChange(change, () => planNodeChange(change, deps), check, caller, deps)
    requireTasks(deps)
    return acceptChange(change, () => planChange(change, deps), check, caller, deps)
  }

  revisions(): readonly Omit<ManifestRevision, 'text'>[] {
    return [...this.#deps.world.mirror.list('manifest')]
      .map(({ value }) => withoutText(value))
      .filter(({ state }) => state !== 'staged')
      .sort((a, b) => b.number - a.number)
  }

  revision(number: number): ManifestRevision {
    const revision = this.#deps.world.manifest(number)
    if (revision === null || revision.state === 'staged')
      throw new OperationalError('NOT_FOUND', `there is no manifest revision ${number}`)
    return revision
  }

  progress(number: number): RevisionProgress {
    const revision = this.revision(number)
    const names = new Set([...revision.services, ...revision.removes])
    const services = this.services().filter(({ name }) => names.has(name))
    return { revision: withoutText(revision), services }
  }

  services(): readonly ServiceView[] {
    return [...this.#deps.world.serviceNames()]
      .sort(compareText)
      .flatMap((name) => this.#view(name) ?? [])
      .filter(({ dispatch }) => dispatch === null)
  }

  service(name: ServiceName): ServiceDetail {
    const { world } = this.#deps
    const view = this.#view(name)
    const spec = world.wanted(name)?.spec ?? world.tasksOf(name)[0]?.spec
    if (view === null || spec === undefined) throw new OperationalError('NOT_FOUND', `there is no service ${name}`)
    return { ...view, spec, tasks: this.tasks({ service: name, all: true }) }
  }

  tasks(filter: { readonly service: ServiceName | null; readonly all: boolean }): readonly TaskView[] {
    const { world } = this.#deps
    const tasks = filter.service === null ? world.tasks() : world.tasksOf(filter.service)
    return tasks
      .filter((task) => filter.all || isAlive(task))
      .sort((a, b) => compareText(a.service, b.service) || a.slot - b.slot || b.attempt - a.attempt)
      .map(viewTaskAmong(world.nodes()))
  }

  task(id: TaskId): TaskView {
    const task = this.#deps.world.mirror.get(keyOf('task', id))?.value
    if (task === undefined) throw new OperationalError('NOT_FOUND', `there is no task ${id}`)
    return viewTaskAmong(this.#deps.world.nodes())(task)
  }

  async stopTask(id: TaskId, caller: Caller): Promise<TaskView> {
    return viewTask(await stopTask(id, caller, this.#leading()))
  }

  async dispatch(
    request: { readonly id: string; readonly name: string; readonly spec: ServiceSpec },
    caller: Caller,
  ): Promise<DispatchView> {
    const deps = this.#leading()
    requireTasks(deps)
    return this.#viewDispatch(await createDispatch(request, caller, deps))
  }

  dispatches(): readonly DispatchView[] {
    return [...this.#deps.world.mirror.list('dispatch')]
      .map(({ value }) => this.#viewDispatch(value))
      .sort((a, b) => a.createdAt - b.createdAt)
  }

  dispatched(id: string): { readonly dispatch: DispatchView; readonly tasks: readonly TaskView[] } {
    const dispatch = this.#viewDispatch(findDispatch(id, this.#deps))
    const tasks = this.#deps.world.tasksOf(dispatch.spec.name).sort((a, b) => b.attempt - a.attempt)
    const views = tasks.map(viewTask)
    return { dispatch, tasks: views.length === 0 && dispatch.task !== null ? [dispatch.task] : views }
  }

  async stopDispatch(id: string, caller: Caller): Promise<DispatchView> {
    return this.#viewDispatch(await stopDispatch(id, caller, this.#leading()))
  }

  #viewDispatch(dispatch: Dispatch): DispatchView {
    return viewDispatch(dispatch, this.#deps.world.tasksOf(dispatch.spec.name))
  }

  nodes(): readonly NodeView[] {
    const leader = leaderName(this.#deps)
    return this.#deps.world.nodes().map((node) => this.#viewNode(node, leader))
  }

  node(id: NodeId): NodeView {
    const { mirror } = this.#deps.world
    const node = mirror.get(keyOf('node', id))?.value
    if (node === undefined) throw new OperationalError('NOT_FOUND', `there is no node ${id}`)
    return this.#viewNode(node, leaderName(this.#deps))
  }

  #viewNode(node: Node, leader: string | null): NodeView {
    const { mirror } = this.#deps.world
    const tasks = mirror.tasksOn(node.id).filter(({ value }) => isAlive(value)).length
    return { ...node, role: roleOf(node, leader, this.#deps), tasks }
  }

  hostStats(id: NodeId): Promise<HostStats> {
    return this.#calls(this.node(id).id).hostStats()
  }

  async samples(): Promise<readonly TaskSample[]> {
    const { world, sessions } = this.#leading()
    const samples = world.nodes().map(async ({ id }) => sessions.connection(id)?.calls.samples() ?? [])
    return (await Promise.all(samples)).flat()
  }

  events(query: EventQuery): readonly Event[] {
    return keptEvents(query, this.#deps.world.mirror)
  }

  watchEvents(query: EventQuery, signal: AbortSignal): AsyncIterable<Event> {
    return watchEvents(query, this.#deps.world.mirror, signal)
  }

  logs(tasks: readonly TaskId[], query: LogQuery, signal: AbortSignal): AsyncIterable<TaskLogLine> {
    return taskLogs(tasks, query, signal, this.#leading())
  }

  serviceLogs(name: ServiceName, query: LogQuery, signal: AbortSignal): AsyncIterable<TaskLogLine> {
    if (!this.#deps.world.serviceNames().has(name))
      throw new OperationalError('NOT_FOUND', `there is no service ${name}`)
    return serviceLogs(name, query, signal, this.#leading())
  }

  async exec(id: TaskId, request: ExecRequest): Promise<ExecSession> {
    const { node } = this.task(id)
    if (node === null) throw new OperationalError('CONFLICT', `${id} is not on a node yet`)
    return this.#calls(node).exec(id, request)
  }

  config(): readonly SettingView[] {
    return viewSettings(this.cluster().cluster, this.#deps.started)
  }

  async setConfig(key: string, value: string, caller: Caller): Promise<readonly SettingView[]> {
    await setSetting(key, value, caller, this.#leading())
    return this.config()
  }

  docker(node: NodeId, request: DockerRequest, caller: Caller): Promise<ExecSession> {
    return runDocker(node, request, caller, { ...this.#leading(), calls: (id) => this.#calls(id) })
  }

  async inspect(id: TaskId): Promise<Inspection> {
    const task = this.#deps.world.mirror.get(keyOf('task', id))?.value
    if (task === undefined) throw new OperationalError('NOT_FOUND', `there is no task ${id}`)
    return inspectTask(task, (request) => this.exec(id, request), this.#deps.clock)
  }

  async createJoinToken(wish: JoinTokenWish, caller: Caller): Promise<NewJoinToken> {
    return createJoinToken(wish, caller, this.#deps.admission())
  }

  joinTokens(): readonly JoinTokenView[] {
    return joinTokens(this.#deps.admission())
  }

  async revokeJoinToken(id: string, caller: Caller): Promise<JoinTokenView> {
    return revokeJoinToken(id, caller, this.#deps.admission())
  }

  async setClusterSecret(secret: StretchedSecret | null, caller: Caller): Promise<void> {
    await changeClusterSecret(secret, caller, this.#deps.admission())
  }

  authority(): AuthorityView {
    const deps = this.#leading()
    return viewAuthority({ ...deps, ...deps.admission() })
  }

  async servers(): Promise<readonly ServerView[]> {
    await this.#deps.storeMembers?.look()
    return this.cluster().servers
  }

  removeServer(word: string, caller: Caller): Promise<ServerView> {
    return removeServer(word, caller, this.#deps)
  }

  createBackup(name: string | null): Promise<BackupView> {
    return createBackup(name, this.#backupDeps())
  }

  backups(): Promise<readonly BackupView[]> {
    return listBackups(this.#deps)
  }

  async *backUp(): AsyncIterable<string> {
    yield* (await backUp(this.#backupDeps())).lines
  }

  #backupDeps(): BackupDeps {
    return { ...this.#deps, backupKey: () => backupKeyOf(this.#deps.admission()) }
  }

  async settle(caller: Caller): Promise<boolean> {
    return settle(caller, this.#leading())
  }

  explain(object: string): Explanation {
    return explainObject(object, { api: this, world: this.#deps.world })
  }

  #view(name: ServiceName): ServiceView | null {
    const { world } = this.#deps
    const wanted = world.wanted(name)
    const tasks = world.tasksOf(name)
    const spec = wanted?.spec ?? (tasks.some(isAlive) ? tasks[0]?.spec : undefined)
    if (spec === undefined) return null
    return viewService(spec, tasks, wanted?.dispatch?.id ?? world.dispatchOf(name)?.id ?? null, world.nodes())
  }

  /** What only the leader may do works with these. */
  #leading(): ServerApiDeps & { readonly sessions: Sessions } {
    const term = this.#deps.term()
    if (term !== null) return { ...this.#deps, sessions: term.sessions }
    const leader = this.#deps.world.mirror.get(LEADERSHIP_KEY)?.value.holder ?? null
    throw new OperationalError(
      'NOT_LEADER',
      leader === null ? 'no server leads yet' : `no server leads that can be reached; the last one was ${leader}`,
      { hint: '`gantry health` says what is missing; try again when a server leads' },
    )
  }

  #calls(node: NodeId): AgentCalls {
    const connection = this.#leading().sessions.connection(node)
    if (connection === null) throw new OperationalError('UNAVAILABLE', `node ${node} is not connected`)
    return connection.calls
  }
}

function withoutText(revision: ManifestRevision): Omit<ManifestRevision, 'text'> {
  const { text: _, ...rest } = revision
  return rest
}

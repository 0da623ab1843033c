import type { Event } from '../core/model/event.ts'
import type { HostStats } from '../core/model/host-stats.ts'
import type { Role, StretchedSecret } from '../core/model/identity.ts'
import type { Millis, NodeId, ServiceName, TaskId } from '../core/model/ids.ts'
import type { ManifestRevision } from '../core/model/manifest.ts'
import type { TaskSample } from '../core/model/message.ts'
import type { Change, Plan } from '../core/model/plan.ts'
import type { ServiceSpec } from '../core/model/service.ts'
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
import type { ExecRequest, ExecSession, LogLine, LogQuery } from '../ports/runtime.ts'

/** Who asks, and how a repeated request is recognised. */
export interface Caller {
  /** `local user`, `token ab12`, ... as events name it */
  readonly by: string
  /** The same key with the same request returns the first answer again; null: none. */
  readonly idempotencyKey: string | null
}

export interface Accepted {
  /** Number of the manifest revision that this change made; null when it made none: nothing changed, or a node did. */
  readonly revision: number | null
  readonly plan: Plan
}

export interface TaskLogLine extends LogLine {
  readonly task: TaskId
}

export interface EventQuery {
  /** Only events after this id; null: from the oldest kept. */
  readonly after: string | null
  readonly service: ServiceName | null
  readonly object: string | null
  /** At most so many, the newest of them; null: all kept. */
  readonly limit: number | null
}

export interface JoinTokenWish {
  readonly role: Role
  /** null: as long as tokens of this role are good by default. */
  readonly lifeMs: Millis | null
  /** null: as often as one likes; undefined: as tokens of this role by default. */
  readonly uses: number | null | undefined
}

export interface NewJoinToken {
  /** Shown once, and kept nowhere. */
  readonly text: string
  readonly token: JoinTokenView
}

/**
 * What a server does for its users; the HTTP routes are words for these calls. Failures are OperationalErrors:
 * NOT_FOUND for unknown names, CONFLICT when somebody else was quicker, UNAVAILABLE while nobody leads or an agent
 * does not answer.
 */
export interface Api {
  cluster(): ClusterView
  /** Settings of the whole cluster. */
  config(): readonly SettingView[]
  /** Changes one of them, for all servers and from now on. Throws NOT_FOUND, CONFIG_INVALID. */
  setConfig(key: string, value: string, caller: Caller): Promise<readonly SettingView[]>
  /** Computes what a change would do; changes nothing. */
  plan(change: Change): Promise<Plan>
  /**
   * Makes a change the desired state, whole or not at all, and returns when that is durable; tasks follow.
   * With a plan, PLAN_STALE when the world moved since, naming what moved. UNSUPPORTED when the plan has blockers.
   */
  apply(change: Change, plan: Plan | null, caller: Caller): Promise<Accepted>
  revisions(): readonly Omit<ManifestRevision, 'text'>[]
  revision(number: number): ManifestRevision
  progress(revision: number): RevisionProgress
  /** Those of the manifest, by name; tasks that were started by hand are dispatches. */
  services(): readonly ServiceView[]
  service(name: ServiceName): ServiceDetail
  tasks(filter: { readonly service: ServiceName | null; readonly all: boolean }): readonly TaskView[]
  task(id: TaskId): TaskView
  /** Stops one task; its slot gets a new attempt where its restart policy says so. */
  stopTask(id: TaskId, caller: Caller): Promise<TaskView>
  /** Starts a task of its own. ALREADY_EXISTS when the id is in use. */
  dispatch(
    request: { readonly id: string; readonly name: string; readonly spec: ServiceSpec },
    caller: Caller,
  ): Promise<DispatchView>
  dispatches(): readonly DispatchView[]
  /** The dispatch and the tasks made for it, newest first. */
  dispatched(id: string): { readonly dispatch: DispatchView; readonly tasks: readonly TaskView[] }
  stopDispatch(id: string, caller: Caller): Promise<DispatchView>
  nodes(): readonly NodeView[]
  node(id: NodeId): NodeView
  hostStats(id: NodeId): Promise<HostStats>
  /** CPU and memory of the running tasks whose agents answer. */
  samples(): Promise<readonly TaskSample[]>
  events(query: EventQuery): readonly Event[]
  /** Events after that id, those kept and then each as it happens, until the signal aborts. */
  watchEvents(query: EventQuery, signal: AbortSignal): AsyncIterable<Event>
  /** Makes a join token. UNSUPPORTED while the cluster takes no other machines. */
  createJoinToken(wish: JoinTokenWish, caller: Caller): Promise<NewJoinToken>
  joinTokens(): readonly JoinTokenView[]
  revokeJoinToken(id: string, caller: Caller): Promise<JoinTokenView>
  /** Replaces what machines join with, beside tokens; null: nothing. UNSUPPORTED while the cluster takes no other machines. */
  setClusterSecret(secret: StretchedSecret | null, caller: Caller): Promise<void>
  /** The certificate authority. UNSUPPORTED while the cluster takes no other machines. */
  authority(): AuthorityView
  /** The servers that keep the store themselves, looked at now; none with any other store. */
  servers(): Promise<readonly ServerView[]>
  /**
   * Takes a server out of a store that the servers keep themselves, by name, address or id. GUARD_BLOCKED when the rest
   * would be no majority; UNSUPPORTED with any other store.
   */
  removeServer(word: string, caller: Caller): Promise<ServerView>
  /** Makes a backup of the whole state and keeps it at this server; null: under a name of its own. ALREADY_EXISTS. */
  createBackup(name: string | null): Promise<BackupView>
  /** Backups that this server keeps, the newest first. */
  backups(): Promise<readonly BackupView[]>
  /** A backup of the whole state as it is now, line by line. */
  backUp(): AsyncIterable<string>
  /** Tasks that a state which was put back does not know are removed from now on. False: there was nothing to settle. */
  settle(caller: Caller): Promise<boolean>
  /** The lines of these tasks, merged by time as far as they arrive in order. */
  logs(tasks: readonly TaskId[], query: LogQuery, signal: AbortSignal): AsyncIterable<TaskLogLine>
  /** The lines of all tasks of a service, dead ones that are still kept too; with follow, of new ones as they come. */
  serviceLogs(service: ServiceName, query: LogQuery, signal: AbortSignal): AsyncIterable<TaskLogLine>
  exec(task: TaskId, request: ExecRequest): Promise<ExecSession>
  /** Runs a command of Docker on a node. It is recorded before it begins. */
  docker(node: NodeId, request: DockerRequest, caller: Caller): Promise<ExecSession>
  /** `object`: `web`, `web.1.2`, `node/1`, `manifest/3`. */
  /** Runs the inspect command of the task's service in the task. */
  inspect(task: TaskId): Promise<Inspection>
  explain(object: string): Explanation
}

import type { Authority } from '../../src/core/model/message.ts'

/** A user's change: which services it wants. `o` is what was there before anything was applied. */
export const WANTS = { o: '', x: 'ab', y: 'a', z: 'b' } as const
export type Owner = keyof typeof WANTS

/** One attempt: service and number, `a1`. Each service has one slot, and the slot is exclusive. */
export interface Task {
  readonly id: string
  readonly desired: 'running' | 'stopped'
  readonly ended: boolean
  readonly revision: number
}

export interface Header {
  readonly number: number
  readonly owner: Owner
  readonly revision: number
  /** Collectors are at it. */
  readonly givenUp: boolean
}

export interface Store {
  readonly incarnation: number
  /** Whether the certificate authority has signed the incarnation. */
  readonly signed: boolean
  readonly epoch: number
  readonly revision: number
  readonly desired: { readonly number: number; readonly revision: number }
  readonly headers: readonly Header[]
  readonly specs: readonly { readonly number: number; readonly service: string; readonly owner: Owner }[]
  readonly tasks: readonly Task[]
  /** Grows with each restore. The protocol does not know it; promises are judged by it. */
  readonly history: number
}

/** A server that may lead. `seen` is its mirror: what it decides from, as old as it likes. */
export interface Leader {
  readonly phase: 'idle' | 'trying' | 'leads'
  readonly epoch: number
  readonly seen: Store | null
}

/** A request on its way through some server. `header` is what its first commit wrote, `base` what it was planned on. */
export interface Apply {
  readonly owner: Owner
  readonly phase: 'new' | 'begun' | 'staged' | 'over'
  readonly number: number
  readonly header: number
  readonly base: { readonly revision: number; readonly owner: Owner }
}

export interface Order {
  readonly authority: Authority
  /** Whether it comes with the certificate authority's word for the incarnation. */
  readonly signed: boolean
  readonly tasks: readonly { readonly id: string; readonly desired: 'running' | 'stopped' }[]
  /** Of the store that it was made from; see there. */
  readonly history: number
}

export interface Agent {
  /** What survives a crash. */
  readonly disk: Order | null
  /** What it acts on. */
  readonly memory: Order | null
  /** Accepted, on its way to the disk. */
  readonly pending: Order | null
  /** A server has confirmed the assignment since the agent started. */
  readonly confirmed: boolean
  readonly running: readonly string[]
  readonly ended: readonly string[]
}

/** How often each thing may still happen: what bounds the exploration. */
export interface Budget {
  readonly elections: number
  readonly orders: number
  readonly crashes: number
  readonly exits: number
  readonly backups: number
  readonly restores: number
  readonly forgeries: number
  readonly collections: number
  readonly creates: number
}

export interface World {
  readonly store: Store
  readonly leaders: readonly Leader[]
  readonly applies: readonly Apply[]
  /** Orders under way: any may arrive, more than once, in any order, or never. */
  readonly wire: readonly Order[]
  readonly agent: Agent
  readonly backup: Store | null
  readonly budget: Budget
  /** Known to nobody in the model: for judging promises only. */
  readonly ghost: {
    readonly acknowledged: Owner
    readonly acted: Order | null
    readonly stopsAsked: readonly string[]
    readonly restored: boolean
    readonly broken: string | null
  }
}

/** The rules of the protocol. Each is switched off once, to see that the promises depend on it and the checks notice. */
export interface Rules {
  readonly fenceWrites: boolean
  readonly guardEpoch: boolean
  readonly judgeOrders: boolean
  readonly durableBeforeActing: boolean
  readonly stageBeforePointer: boolean
  readonly guardPointer: boolean
  readonly guardHeader: boolean
  readonly giveUpBeforeCollecting: boolean
  readonly guardRemovals: boolean
  readonly raiseIncarnation: boolean
  readonly signIncarnation: boolean
  readonly restoreStopsServers: boolean
  readonly waitForEnd: boolean
  readonly oneOfSlotHere: boolean
}

export const ALL_RULES: Rules = {
  fenceWrites: true,
  guardEpoch: true,
  judgeOrders: true,
  durableBeforeActing: true,
  stageBeforePointer: true,
  guardPointer: true,
  guardHeader: true,
  giveUpBeforeCollecting: true,
  guardRemovals: true,
  raiseIncarnation: true,
  signIncarnation: true,
  restoreStopsServers: true,
  waitForEnd: true,
  oneOfSlotHere: true,
}

export function ownerOf(store: Store): Owner {
  return store.headers.find(({ number }) => number === store.desired.number)?.owner ?? 'o'
}

export function break_(world: World, promise: string): World {
  return { ...world, ghost: { ...world.ghost, broken: world.ghost.broken ?? promise } }
}

/** The store after a commit that changed this. */
export function commit(store: Store, change: Partial<Store>): Store {
  return { ...store, ...change, revision: store.revision + 1 }
}

export function replaced<T>(list: readonly T[], index: number, item: T): readonly T[] {
  return list.map((old, at) => (at === index ? item : old))
}

export function spend(budget: Budget, what: keyof Budget): Budget {
  return { ...budget, [what]: budget[what] - 1 }
}

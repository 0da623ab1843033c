import { expect, test } from 'vitest'
import { requirePresent } from '../control/lead.ts'
import type { NewLife } from '../core/incarnation/raise.ts'
import { clusterOf } from '../core/incarnation/raise.ts'
import { CLUSTER_KEY, keyOf, LEADERSHIP_KEY } from '../core/model/objects.ts'
import type { StateIntake } from '../ports/intake.ts'
import type { Snapshot, Store, Write } from '../ports/store.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import { type MoveDeps, moveState } from './move-state.ts'

const CLUSTER = { id: 'c1', name: 'shop', incarnation: 1, createdAt: 1 }
const LIFE: NewLife = { kind: 'move', by: 'a user', at: 9, because: 'moved', above: 0 }

/** What a kill -9 is to the code that it hits. */
class Killed extends Error {}

/** Kills at the nth step that anybody can see from outside, before it has an effect or after. */
class Fate {
  #left: number
  readonly #after: boolean
  struck = false

  constructor(step: number, after: boolean) {
    this.#left = step
    this.#after = after
  }

  async step<T>(effect: () => Promise<T>): Promise<T> {
    if (this.#left === 0 && !this.#after) this.#strike()
    const result = await effect()
    if (this.#left === 0) this.#strike()
    this.#left -= 1
    return result
  }

  #strike(): never {
    this.struck = true
    throw new Killed('killed')
  }
}

/** A new home: what is written there can be opened only when it is finished. */
class Home {
  state: Snapshot | null = null
  #unfinished: Snapshot | null = null

  intake(fate: Fate): StateIntake {
    return {
      write: (state) =>
        fate.step(async () => {
          this.#unfinished = state
        }),
      read: () => fate.step(async () => this.#unfinished?.records ?? []),
      open: (revision) =>
        fate.step(async () => {
          this.state = { revision, records: this.#unfinished?.records ?? [] }
        }),
      close: async () => undefined,
    }
  }
}

async function anOldHome(): Promise<MemoryStore> {
  const store = new MemoryStore()
  const writes: Write[] = [
    { put: CLUSTER_KEY, value: CLUSTER },
    { put: LEADERSHIP_KEY, value: { epoch: 4, holder: 'a', address: null, since: 1 } },
    { put: keyOf('service', 'web'), value: { name: 'web', attemptFloor: 3, retryAt: null } },
  ]
  const event = { kind: 'cluster.created', object: CLUSTER_KEY, service: null, message: '', by: 'a', at: 1 } as const
  await store.commit({ epoch: null, expect: [], writes, events: [event] })
  return store
}

function deps(source: Store, home: Home, fate: Fate): MoveDeps {
  const guarded: Store = {
    kind: source.kind,
    load: () => source.load(),
    commit: (commit) => fate.step(() => source.commit(commit)),
    watch: (...args) => source.watch(...args),
    campaign: (...args) => source.campaign(...args),
    close: () => source.close(),
  }
  return {
    source: guarded,
    to: 'the new home',
    present: async () => home.state,
    begin: async () => home.intake(fate),
    life: LIFE,
    clusterKey: null,
    onWritten: () => undefined,
  }
}

/** Which of both a server would use. */
async function used(source: Store, home: Home): Promise<readonly string[]> {
  const old: string[] = []
  try {
    requirePresent(await Mirror.open(source))
    old.push('old')
  } catch (error) {
    expect(error).toMatchObject({ code: 'STORE_MOVED' })
  }
  return home.state === null ? old : [...old, 'new']
}

const NEVER = new Fate(-1, false)

test('a state goes to its new home with every object and its history, as the next incarnation', async () => {
  const source = await anOldHome()
  const before = await source.load()
  const home = new Home()
  const moved = await moveState(deps(source, home, NEVER))
  expect(moved).toEqual({ incarnation: 2, records: before.records.length + 1, wasDone: false })
  expect(home.state?.revision).toBe(before.revision + 1)
  const kept = before.records.filter(({ key }) => key !== CLUSTER_KEY && key !== LEADERSHIP_KEY)
  expect(home.state?.records).toEqual(expect.arrayContaining([...kept]))
  expect(clusterOf(home.state?.records ?? [])).toEqual({ ...CLUSTER, incarnation: 2 })
  expect(await used(source, home)).toEqual(['new'])
  expect(await moveState(deps(source, home, NEVER))).toMatchObject({ wasDone: true, incarnation: 2 })
})

/** write, read, the mark, open. */
const STEPS = [0, 1, 2, 3] as const

test.each(
  STEPS.flatMap((step) => [false, true].map((after) => ({ step, after }))),
)('killed at step $step (after its effect: $after), at most one of both is used, and running it again ends with the new one', async ({
  step,
  after,
}) => {
  const source = await anOldHome()
  const home = new Home()
  const fate = new Fate(step, after)
  await expect(moveState(deps(source, home, fate))).rejects.toThrow(Killed)
  expect(fate.struck).toBe(true)
  const left = await used(source, home)
  expect(left.length).toBeLessThanOrEqual(1)
  // Before the mark nothing has happened; only between the mark and the opening is there none.
  if (step < 2 || (step === 2 && !after)) expect(left).toEqual(['old'])
  if (step === 3 && after) expect(left).toEqual(['new'])

  const moved = await moveState(deps(source, home, NEVER))
  expect(moved.incarnation).toBe(2)
  expect(await used(source, home)).toEqual(['new'])
  expect(clusterOf(home.state?.records ?? []).incarnation).toBe(2)
})

test('who writes to the old home meanwhile loses nothing: the move is given up', async () => {
  const source = await anOldHome()
  const home = new Home()
  const busy: StateIntake = {
    ...home.intake(NEVER),
    read: async () => {
      const value = { name: 'late', attemptFloor: 0, retryAt: null }
      const writes = [{ put: keyOf('service', 'late'), value }] as const
      await source.commit({ epoch: null, expect: [], writes, events: [] })
      return written
    },
    write: async (state) => {
      written = state.records
    },
  }
  let written: Snapshot['records'] = []
  const move = moveState({ ...deps(source, home, NEVER), begin: async () => busy })
  await expect(move).rejects.toMatchObject({ code: 'CONFLICT' })
  expect(await used(source, home)).toEqual(['old'])
  expect(clusterOf((await source.load()).records)).toEqual(CLUSTER)
})

test('who leads the old home without its lease is fenced with the mark', async () => {
  const source = await anOldHome()
  await moveState(deps(source, new Home(), NEVER))
  const writes = [{ put: keyOf('service', 'late'), value: { name: 'late', attemptFloor: 0, retryAt: null } }] as const
  const late = await source.commit({ epoch: 4, expect: [], writes, events: [] })
  expect(late).toEqual({ kind: 'fenced', epoch: 5 })
})

test('a state that is somewhere already is not written over, and one that moved goes nowhere else', async () => {
  const source = await anOldHome()
  const home = new Home()
  home.state = await (await anOldHome()).load()
  await expect(moveState(deps(source, home, NEVER))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  const other = new Home()
  await moveState(deps(source, other, NEVER))
  const elsewhere = { ...deps(source, new Home(), NEVER), to: 'a third home' }
  await expect(moveState(elsewhere)).rejects.toMatchObject({ code: 'STORE_MOVED' })
})

test('what is read back otherwise than it was written is not opened', async () => {
  const source = await anOldHome()
  const home = new Home()
  const lying = { ...home.intake(NEVER), read: async () => [] }
  const move = moveState({ ...deps(source, home, NEVER), begin: async () => lying })
  await expect(move).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  expect(await used(source, home)).toEqual(['old'])
})

import { afterEach, expect, test } from 'vitest'
import { keyOf, LEADERSHIP_KEY } from '../../src/core/model/objects.ts'
import type { StateIntake } from '../../src/ports/intake.ts'
import type { Snapshot, Store, StoreRecord } from '../../src/ports/store.ts'

/** One place where a state can be, empty at first. */
export interface IntakePlace {
  begin(replace: boolean): Promise<StateIntake>
  /** Opens it as a server does. */
  open(): Promise<Store>
}

/** What a state of every store must be able to become: whole at once, with the revisions that its objects had. */
export function intakeContract(name: string, place: () => Promise<IntakePlace>): void {
  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close()
  })
  const closing = <T extends { close(): Promise<void> }>(one: T): T => {
    open.push(one)
    return one
  }

  test(`${name}: a state is taken in with every revision, and goes on from there`, async () => {
    const here = await place()
    const state = aState(250)
    const intake = closing(await here.begin(false))
    let told = 0
    await intake.write(state, (records) => {
      told = records
    })
    expect(told).toBe(state.records.length)
    expect(await intake.read()).toEqual(state.records)
    await intake.open(state.revision)
    await intake.close()

    const store = closing(await here.open())
    expect(await store.load()).toEqual(state)
    const writes = [{ put: keyOf('service', 'new'), value: { name: 'new', attemptFloor: 0, retryAt: null } }] as const
    const expectations = [{ key: LEADERSHIP_KEY, revision: 7 }]
    const outcome = await store.commit({ epoch: 5, expect: expectations, writes, events: [] })
    expect(outcome).toEqual({ kind: 'committed', revision: state.revision + 1 })
    const seen: number[] = []
    store.watch(
      state.revision,
      ({ revision }) => seen.push(revision),
      ({ revision }) => seen.push(revision),
    )
    const lease = await store.campaign('a', new AbortController().signal)
    await lease.release()
    await store.commit({ epoch: null, expect: [], writes, events: [] })
    await expect.poll(() => seen.at(-1)).toBe(state.revision + 2)
  })

  test(`${name}: what was cut off is no state, and is begun anew`, async () => {
    const here = await place()
    const first = closing(await here.begin(false))
    await first.write(aState(120), () => undefined)
    await first.close()
    const second = closing(await here.begin(false))
    const state = aState(3)
    await second.write(state, () => undefined)
    await second.open(state.revision)
    await second.close()
    expect(await closing(await here.open()).load()).toEqual(state)
  })

  test(`${name}: a state that is there is not written over, unless it is to be replaced`, async () => {
    const here = await place()
    const before = closing(await here.begin(false))
    await before.write(aState(5), () => undefined)
    await before.open(aState(5).revision)
    await before.close()
    await expect(here.begin(false)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })

    const state = aState(2)
    const after = closing(await here.begin(true))
    await after.write(state, () => undefined)
    await after.open(state.revision)
    await after.close()
    expect(await closing(await here.open()).load()).toEqual(state)
  })
}

function aState(services: number): Snapshot {
  const records: StoreRecord[] = [{ key: LEADERSHIP_KEY, value: leadership, revision: 7 }]
  for (let i = 0; i < services; i++) {
    const name = `s${String(i).padStart(4, '0')}`
    const value = { name, attemptFloor: i, retryAt: null }
    records.push({ key: keyOf('service', name), value, revision: 10 + i })
  }
  return { revision: 1_000_000 + services, records }
}

const leadership = { epoch: 5, holder: 'a', address: null, since: 1 }

import type { Step } from './explore.ts'
import type { Apply, Rules, Store, World } from './state.ts'
import { break_, commit, ownerOf, replaced, WANTS } from './state.ts'

/** What a user's requests can do next: begin, stage the rest, move the pointer. Users' commits carry no epoch. */
export function* applySteps(world: World, rules: Rules): Iterable<Step<World>> {
  for (const [index, apply] of world.applies.entries()) {
    const next = { new: begin, begun: stage, staged: point, over: null }[apply.phase]
    if (next !== null) yield next(world, index, apply, rules)
    if (apply.phase === 'begun' && !rules.stageBeforePointer) yield point(world, index, apply, rules)
  }
}

function* fits(text: string, owner: Apply['owner'], number: number): Iterable<Store['specs'][number]> {
  for (const service of text) yield { number, service, owner }
}

/** Its first commit: the header of the next free number, and the first service. */
function begin(world: World, index: number, apply: Apply): Step<World> {
  const { store } = world
  const number = Math.max(0, ...store.headers.map((header) => header.number)) + 1
  const header = { number, owner: apply.owner, revision: store.revision + 1, givenUp: false }
  const [first = ''] = WANTS[apply.owner]
  if (store.specs.some((spec) => spec.number === number && spec.service === first)) return giveUp(world, index, apply)
  const after = commit(store, {
    headers: [...store.headers, header],
    specs: [...store.specs, ...fits(first, apply.owner, number)],
  })
  const base = { revision: store.desired.revision, owner: ownerOf(store) }
  const phase = WANTS[apply.owner].length > 1 ? 'begun' : 'staged'
  const begun: Apply = { ...apply, phase, number, header: header.revision, base }
  return {
    name: `apply ${apply.owner} stages header ${number} and its first service`,
    next: { ...world, store: after, applies: replaced(world.applies, index, begun) },
  }
}

/** The rest of its services, each expected to be absent, while its header is what it wrote. */
function stage(world: World, index: number, apply: Apply, rules: Rules): Step<World> {
  const { store } = world
  const rest = [...fits(WANTS[apply.owner].slice(1), apply.owner, apply.number)]
  const isTaken = rest.some((spec) =>
    store.specs.some(({ number, service }) => number === spec.number && service === spec.service),
  )
  if (isTaken || !holdsHeader(store, apply, rules)) return giveUp(world, index, apply)
  return {
    name: `apply ${apply.owner} stages the rest of ${apply.number}`,
    next: {
      ...world,
      store: commit(store, { specs: [...store.specs, ...rest] }),
      applies: replaced(world.applies, index, { ...apply, phase: 'staged' }),
    },
  }
}

/** One commit makes it the desired one: accepted and acknowledged, or it never happened. */
function point(world: World, index: number, apply: Apply, rules: Rules): Step<World> {
  const { store } = world
  const isOvertaken = rules.guardPointer && store.desired.revision !== apply.base.revision
  if (isOvertaken || !holdsHeader(store, apply, rules)) return giveUp(world, index, apply)
  const revision = store.revision + 1
  const header = { number: apply.number, owner: apply.owner, revision, givenUp: false }
  const after = commit(store, {
    desired: { number: apply.number, revision },
    headers: [...store.headers.filter(({ number }) => number !== apply.number), header],
  })
  const next: World = {
    ...world,
    store: after,
    applies: replaced(world.applies, index, { ...apply, phase: 'over' }),
    ghost: { ...world.ghost, acknowledged: apply.owner },
  }
  const isBlind = apply.base.owner !== world.ghost.acknowledged
  return {
    name: `apply ${apply.owner} points to ${apply.number} and is acknowledged`,
    next: isBlind ? break_(next, 'an acknowledged apply is not lost to one that had not seen it') : next,
  }
}

function holdsHeader(store: Store, apply: Apply, rules: Rules): boolean {
  const header = store.headers.find(({ number }) => number === apply.number)
  // Without the rule, what is there now is read and then expected, which is no guard at all.
  return rules.guardHeader ? header?.revision === apply.header : true
}

function giveUp(world: World, index: number, apply: Apply): Step<World> {
  return {
    name: `apply ${apply.owner} is told of a conflict`,
    next: { ...world, applies: replaced(world.applies, index, { ...apply, phase: 'over' }) },
  }
}

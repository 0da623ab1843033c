import { Command, InvalidArgumentError } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import { FACT_OPTIONS, NODE_FACTS, type NodeFact } from '../../core/model/node.ts'
import type { NodeChange, NodeSet } from '../../core/model/plan.ts'
import { type ChangeFlags, carryOut, withWaitFlags } from '../carry-out.ts'
import type { Context } from '../context.ts'
import { nodeNamed } from '../find-node.ts'
import { addressWord, placementWord } from '../node-words.ts'
import { writePlan } from '../plan-file.ts'
import { planText } from '../render/plan.ts'
import { labelChanges } from '../values.ts'

interface NodeFlags extends Partial<ChangeFlags> {
  readonly output?: string
  readonly force?: boolean
}

/** What a command makes of the node that was named; ids of others are looked up too. */
type MakeChange<F> = (node: number, flags: F, words: readonly string[]) => NodeChange | Promise<NodeChange>

export function nodeCommand(context: Context): Command {
  const node = new Command('node')
    .description('change a node: what it takes, what it is, whether it is there')
    .usage('COMMAND')
    .addHelpText('after', '\nExamples:\n  gantry node drain 2\n  gantry node label 2 disk=ssd\n  gantry node replace 2')
  addAvailability(node, context)
  addFacts(node, context)
  addPresence(node, context)
  return node
}

function addAvailability(node: Command, context: Context): void {
  const drain = define(
    withWaitFlags(node.command('drain')),
    'move its tasks elsewhere, as updates would, and give it no new ones; waits until it is empty',
    ['gantry node drain 2', 'gantry node drain 2 --yes --timeout 5m', 'gantry node drain 2 -o drain.plan'],
  )
  act<NodeFlags>(drain.option('-f, --force', FORCE), context, (id, { force }) =>
    settingOf(id, { availability: 'drain' }, force),
  )
  const pause = define(node.command('pause'), 'give it no new tasks; those it has stay', ['gantry node pause 2'])
  act(pause, context, (id) => settingOf(id, { availability: 'pause' }))
  const activate = define(node.command('activate'), 'let it take tasks again', ['gantry node activate 2'])
  act(activate, context, (id) => settingOf(id, { availability: 'active' }))
}

const FORCE = 'also where a task loses its data, stops first, or has nowhere to go yet'

function addFacts(node: Command, context: Context): void {
  const label = define(node.command('label'), 'set labels, or take them away with key-', [
    'gantry node label 2 disk=ssd rack=a',
    'gantry node label 2 rack-',
  ]).argument('<labels...>', 'key=value sets a label, key- takes it away')
  act(label, context, (id, _, words) => settingOf(id, { labels: labelChanges(words) }))
  const set = define(node.command('set'), 'set what a node is; it wins over the options of its agent', [
    'gantry node set 2 --placement edge',
    'gantry node set 2 --public-address 203.0.113.7 --region eu --zone a',
    'gantry node set 2 --reset public-address',
  ])
    .option('--placement <name>', 'role that decides what runs there', placementWord)
    .option('--public-address <address>', 'where others reach it', addressWord)
    .option('--region <name>', 'region it is in; empty: none')
    .option('--zone <name>', 'zone it is in; empty: none')
    .option(
      '--reset <what>',
      'placement, public-address, region or zone: it is as its agent says again; may be repeated',
      resets,
    )
    .option('-f, --force', FORCE)
  act<NodeFlags & SetFlags>(set, context, (id, flags) => settingOf(id, setOf(flags), flags.force))
}

type Resets = { readonly [Fact in NodeFact]?: null }

/** Collects what is to be as the agent says. */
function resets(text: string, before: Resets = {}): Resets {
  const fact = NODE_FACTS.find((one) => FACT_OPTIONS[one] === text)
  if (fact === undefined) throw new InvalidArgumentError(`use one of ${Object.values(FACT_OPTIONS).join(', ')}`)
  return { ...before, [fact]: null }
}

interface SetFlags {
  readonly placement?: string
  readonly publicAddress?: string
  readonly region?: string
  readonly zone?: string
  readonly reset?: Resets
}

function setOf({ placement, publicAddress, region, zone, reset = {} }: SetFlags): NodeSet {
  const given = {
    ...(placement === undefined ? {} : { placement }),
    ...(publicAddress === undefined ? {} : { publicAddress }),
    ...(region === undefined ? {} : { region }),
    ...(zone === undefined ? {} : { zone }),
  }
  const both = NODE_FACTS.find((fact) => Object.hasOwn(given, fact) && Object.hasOwn(reset, fact))
  if (both !== undefined) throw new OperationalError('USAGE', `${FACT_OPTIONS[both]} is either set or reset`)
  const set = { ...given, ...reset }
  if (Object.keys(set).length > 0) return set
  throw new OperationalError('USAGE', 'nothing is to be set', {
    hint: 'give --placement, --public-address, --region, --zone or --reset',
  })
}

function addPresence(node: Command, context: Context): void {
  const rm = define(node.command('rm'), 'take a node out of the cluster that is drained or unreachable', [
    'gantry node rm 2',
    'gantry node rm 2 --force --yes',
  ]).option('-f, --force', 'also if it is unreachable with tasks: they are lost and replaced')
  act<NodeFlags>(rm, context, (id, { force }) => ({ kind: 'remove-node', node: id, force: force === true }))
  const fence = define(
    node.command('fence'),
    'say that the machine of an unreachable node is off, so that tasks that must never run twice are replaced',
    ['gantry node fence 2 --confirm-dead'],
  ).option('--confirm-dead', 'you have seen that the machine is off and stays off')
  act<NodeFlags & { readonly confirmDead?: boolean }>(fence, context, (id, { confirmDead }) => ({
    kind: 'fence-node',
    node: id,
    confirmDead: confirmDead === true,
  }))
  const replace = define(
    node.command('replace'),
    'give the id, placement, labels and addresses of an unreachable or removed node to another machine',
    ['gantry node replace 2', 'gantry node replace 2 --with 5'],
  ).option('--with <node>', 'a node that has just joined and holds nothing (default: the next machine that joins)')
  act<NodeFlags & { readonly with?: string }>(replace, context, async (id, flags) => {
    const other = flags.with === undefined ? null : nodeNamed(flags.with, await context.client().nodes()).id
    return { kind: 'replace-node', node: id, with: other }
  })
}

function settingOf(node: number, set: NodeSet, force = false): NodeChange {
  return { kind: 'node', node, set, force }
}

function define(command: Command, description: string, examples: readonly string[]): Command {
  const title = examples.length === 1 ? 'Example' : 'Examples'
  return command
    .option('-y, --yes', 'do not ask')
    .description(description)
    .argument('<node>', 'id or name')
    .option('-o, --output <file>', 'keep the plan for `apply --plan`; nothing is changed')
    .addHelpText('after', `\n${title}:\n${examples.map((example) => `  ${example}`).join('\n')}`)
}

function act<F extends NodeFlags = NodeFlags>(command: Command, context: Context, make: MakeChange<F>): void {
  command.action(async (named: string, ...rest: unknown[]) => {
    const flags = command.opts<F>()
    const words = Array.isArray(rest[0]) ? (rest[0] as string[]) : []
    const change = await make(await idOf(named, context), flags, words)
    // Only a drain waits, and has a time for that.
    const { timeout = 0 } = flags
    if (flags.output === undefined) return carryOut(change, null, { ...flags, timeout }, context)
    const plan = await context.client().plan(change)
    writePlan(flags.output, plan)
    context.print(plan, (value) => planText(value, context.out))
  })
}

/** A number is an id, also of a node that was removed; other words are looked up. */
async function idOf(named: string, context: Context): Promise<number> {
  if (/^[1-9]\d{0,8}$/.test(named)) return Number(named)
  return nodeNamed(named, await context.client().nodes()).id
}

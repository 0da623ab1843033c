import { type Command, Option } from 'commander'
import { isAuthorityChange, isEmptyPlan, isNodeChange, type NodeChange } from '../core/model/plan.ts'
import { unreachable } from '../lib/assert.ts'
import type { ChangeRequest, WireAccepted, WirePlan } from '../transport/wire.ts'
import { confirm } from './ask.ts'
import type { Context } from './context.ts'
import { planText } from './render/plan.ts'
import { seconds } from './values.ts'
import { waitForRevision } from './wait.ts'
import { waitForDrain } from './wait-for-drain.ts'
import { waitForRotation } from './wait-for-rotation.ts'

const TIMEOUT_MS = 660_000
const DECLINED = 1
const INTERRUPTED = 130

export interface WaitFlags {
  readonly detach?: boolean
  /** Milliseconds. */
  readonly timeout: number
}

/** How a change is carried out. */
export interface ChangeFlags extends WaitFlags {
  readonly yes?: boolean
}

/** Gives a command the options of `WaitFlags`. */
export function withWaitFlags(command: Command): Command {
  const timeout = new Option('--timeout <time>', 'wait at most so long; then it goes on by itself')
  return command
    .option('-d, --detach', 'do not wait until it is reached')
    .addOption(timeout.argParser(seconds).default(TIMEOUT_MS, '11m'))
}

/** Gives a command the options of `ChangeFlags`. */
export function withChangeFlags(command: Command): Command {
  return withWaitFlags(command.option('-y, --yes', 'do not ask'))
}

/** Shows the plan of a change, asks, applies, waits. The exit code says what became of it. */
export async function carryOut(
  change: ChangeRequest,
  given: WirePlan | null,
  flags: ChangeFlags,
  context: Context,
): Promise<void> {
  const client = context.client()
  const plan = given ?? (await client.plan(change))
  // Programs read the plan from the answer; whoever is asked must see it first.
  const asked = flags.yes !== true && process.stdin.isTTY === true
  if (!context.globals.json || asked) context.say(planText(plan, context.err))
  if (!isEmptyPlan(plan) && plan.blockers.length === 0) {
    const answer = await confirm('Apply this plan?', flags.yes === true)
    if (answer !== 'yes') {
      context.say(`${answer === 'interrupted' ? '\n' : ''}Nothing was changed.`)
      context.exitCode = answer === 'interrupted' ? INTERRUPTED : DECLINED
      return
    }
  }
  const accepted = await client.apply(change, plan)
  if (isAuthorityChange(change)) {
    if (flags.detach !== true) await waitForRotation(change.kind, flags.timeout, context)
    if (context.globals.json) context.print(accepted, () => '')
    return
  }
  if (isNodeChange(change)) {
    const drains = change.kind === 'node' && change.set.availability === 'drain'
    if (drains && flags.detach !== true) await waitForDrain(change.node, flags.timeout, context)
    else if (!isEmptyPlan(plan)) context.say(context.err.good(doneText(change)))
    if (context.globals.json) context.print(accepted, () => '')
    return
  }
  if (accepted.revision === null || flags.detach === true) {
    if (accepted.revision !== null) context.say(`Manifest ${accepted.revision} is accepted.`)
    context.print(accepted, acceptedText)
    return
  }
  const progress = await waitForRevision(accepted.revision, flags.timeout, context)
  if (context.globals.json) context.print(progress, () => '')
}

/** What a change of a node has come to, and what is next. */
function doneText(change: NodeChange): string {
  const { kind, node } = change
  switch (kind) {
    case 'remove-node':
      return `Node ${node} is out of the cluster.`
    case 'fence-node':
      return `Node ${node} is given up. Try: \`gantry node replace ${node}\` or \`gantry node rm ${node}\``
    case 'replace-node':
      return change.with === null
        ? `Node ${node} waits for a machine: the next one that joins. Try: \`gantry join-token create\` for it`
        : `Node ${node} is the machine that was node ${change.with}.`
    case 'node':
      return `Node ${node} is changed.`
    default:
      return unreachable(kind)
  }
}

function acceptedText({ revision }: WireAccepted): string {
  return revision === null ? '' : String(revision)
}

import { earlier } from '../../lib/collections.ts'
import type { Millis, NodeId } from '../model/ids.ts'

/** What is known of a node whose agent is not connected. */
export interface Absence {
  readonly node: NodeId
  /** When it was last heard, or when its leader began to listen. */
  readonly goneSince: Millis
  /**
   * How long nobody who was asked got an answer from the machine, counted over the questions only: what passed while nobody
   * asked, because this server had no time itself, is no silence. 0: it answers, or was not asked.
   */
  readonly silentMs: Millis
  /** Whether its machine is being asked for the first time, and nobody knows the answer yet. */
  readonly isOpen: boolean
  /** Whether all that could be moved away has been. */
  readonly evicted: boolean
}

/** How long a node may be away before something is done. */
export interface Patience {
  /** Until one whose machine answers is called unreachable and gets no new tasks. */
  readonly unreachableAfterMs: Millis
  /** How long a machine must be silent too, until it is unreachable and its tasks are replaced. */
  readonly silentForMs: Millis
  /** An answer that comes later is none. At least three questions fit into `silentForMs`. */
  readonly askWithinMs: Millis
  /** Pause between two questions. */
  readonly askAgainMs: Millis
  /** Until the tasks of a machine that answers, and whose agent does not come back, are replaced. */
  readonly agentGoneForMs: Millis
}

export interface AbsenceVerdict {
  readonly node: NodeId
  readonly unreachable: boolean
  readonly evict: boolean
  /** Why its tasks may be replaced, or may not be yet. */
  readonly because: string
}

export interface Absences {
  readonly verdicts: readonly AbsenceVerdict[]
  /** Why nothing is moved although it would be time; null: nothing holds it back. */
  readonly held: string | null
  /** When to look again; null: nothing is to come. */
  readonly wakeAt: Millis | null
}

/** With fewer nodes one that is lost is always a large part of them. */
const FEWEST_TO_HOLD = 4

/**
 * Judges what the absence of nodes means. A machine that is silent too is soon believed to be lost; one that answers
 * has lost its agent only, which is likely to come back to tasks that still run. When half the nodes or more go together it
 * is rather the network or this server that is ill, and nothing is moved until some return or a person says more.
 * `members`: nodes that belong to the cluster, absent or not.
 */
export function judgeAbsences(
  absences: readonly Absence[],
  members: number,
  patience: Patience,
  now: Millis,
): Absences {
  let wakeAt: Millis | null = null
  const judged = absences.map((absence) => {
    // Each unanswered question is followed by a look.
    if (absence.silentMs >= patience.silentForMs) return { absence, unreachable: true, due: !absence.evicted }
    const unreachableAt = absence.goneSince + patience.unreachableAfterMs
    const evictAt = absence.goneSince + patience.agentGoneForMs
    for (const at of [unreachableAt, evictAt]) if (at > now) wakeAt = earlier(wakeAt, at)
    return { absence, unreachable: now >= unreachableAt, due: now >= evictAt && !absence.evicted }
  })
  // Those that were lost before, one by one, say nothing about the network of today.
  const there = members - absences.filter(({ evicted }) => evicted).length
  // Silences that began together are not noticed in the same moment: one that is short counts as well.
  const isSilent = ({ unreachable, absence }: (typeof judged)[number]): boolean =>
    !absence.evicted && (unreachable || absence.silentMs > 0)
  const together = judged.filter(isSilent).length
  // Nobody is given up while the answers to come may show that half are silent; each of them is followed by a look.
  const open = judged.filter((one) => one.absence.isOpen && !isSilent(one)).length
  const isMass = (count: number): boolean => there >= FEWEST_TO_HOLD && count * 2 >= there
  const held =
    isMass(together) && judged.some(({ due }) => due)
      ? `${together} of ${there} nodes are silent at once: nothing is moved until some return`
      : null
  const verdicts = judged.map(({ absence, unreachable, due }) => ({
    node: absence.node,
    unreachable,
    evict: due && !isMass(together + open),
    because: reason(absence),
  }))
  return { verdicts, held, wakeAt }
}

function reason({ silentMs }: Absence): string {
  return silentMs === 0 ? 'its agent does not come back' : 'its machine does not answer'
}

/**
 * The silence of a machine after one more question without an answer, of which `heardMs` have passed since the one before
 * ended (or since this one was asked). No question counts for longer than it was meant to take: a process that had no time
 * has waited for itself.
 */
export function longerSilence(silentMs: Millis, passedMs: Millis, patience: Patience): Millis {
  const { askWithinMs, askAgainMs } = patience
  const most = silentMs === 0 ? askWithinMs : askWithinMs + askAgainMs
  return silentMs + Math.min(passedMs, most)
}

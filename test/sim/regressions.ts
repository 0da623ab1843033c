/** rngSeeds of small lives that once found a fault, oldest first, with what it was. They are lived before all others. */
export const REGRESSIONS: readonly (readonly [number, string])[] = [
  [2, 'an orderly end of an agent was broken off by one task that could not be stopped'],
  [5, 'three tasks in a slot when a newer spec overtook a rollout'],
  [21, 'two changes at once: the second undid the first'],
  [71, 'a task whose first start was not answered was called failed while its container ran'],
  [105, 'a task that was to stop ended as failed, and its slot stayed empty when it was wanted again'],
  [117, 'a slot that a user had emptied was called as wanted although it was asked for again'],
  [148, 'pauses between retries were forgotten while the last attempt was still stopping'],
  [173, 'a spec that came back found its own earlier attempt, and the other one stayed'],
  [198, 'a slot that a user had emptied held up a stop-first rollout for ever'],
  [324, "a foreign report took the place of the node's own"],
  [342, 'a task that shared the port of its predecessor was started beside it'],
  [368, 'a revision with a slot that its user had emptied never ended'],
  [403, 'a task that failed for good before the revision was reported after it, and the revision never ended'],
  [446, 'the old task of a slot whose new one a user stopped'],
  [527, 'a slot without anything that serves waited for a rollout that waited for it'],
  [871, 'an update that became stop-first before its task had a node'],
  [892, 'a task was taken down for one that had ceased to serve in the meantime'],
  [2010, 'the absence of a node was noted while it was coming back, and stayed'],
  [2805, 'an outdated task without a node was given the port of its successor'],
  [967, 'a rollout that waited for an outdated task that would never start'],
  [1117, 'a new task that completed at once left the old one in place'],
  [114, 'what a settled state does not know stayed where it was more than may be taken unasked'],
  [247, 'what waited for the state to be settled did not start when it was'],
  [2673, 'a task that had no node in a backup got another one than the one it had by then'],
  [2478, 'a revision was called applied while a node joined that a global service belongs on'],
  [
    1179,
    'a user whose repeated change was made, and not answered, was taken for told what he had been told the first time',
  ],
  [2995, 'a leader was taken for replaced when somebody wrote the leadership as it was'],
  [2992094805984, 'a rollout took two slots down because it did not count a third that no node could take anew'],
]

/** The same for lives about clusters. */
export const CLUSTER_REGRESSIONS: readonly (readonly [number, string])[] = [
  [2, 'a pause before another attempt ended early because the clock of the node was behind'],
  [232, 'a slot stayed empty because the clock of the node that told of the end was a day ahead'],
  [242, 'a revision was still open because the server that accepted it had a clock that was a day ahead'],
  [213, 'when the first of many silent nodes returned, the others were given up in the same second'],
  [
    27,
    'a new leader gave up some of many silent nodes, because it noticed their silence a moment before that of the others',
  ],
  [688, 'of many silent machines those that were asked first were given up'],
  [
    156,
    'a leader was blamed for what the one before it knew of other nodes, and for a hello that it was still taking in',
  ],
  [417, 'a machine that somebody still heard was counted among the silent ones'],
  [882, 'a rollout was blamed for a slot whose node was given up in the same moment'],
  [551, 'a person who was not told that a machine had been replaced asked for it for ever'],
  [664, 'the first of many silent machines was given up while the others were being asked'],
  [160, 'an exclusive service started when the state was settled, before what the state does not know was gone'],
  [682, 'a leader was taken for replaced when somebody wrote the leadership as it was'],
  [1165, 'an apply was given up at once, and its answer forgotten, by a leader with a clock that was ahead'],
  [945, 'a machine whose number another one has in the backup that was put back was refused for ever'],
  [1350, 'an exclusive task of a state that was put back began where that had it, while a later one ran elsewhere'],
  [715, 'what was asked for through a server with a clock that was ahead was tried again after every end'],
]

/** And for lives of servers that keep the state in their memories. */
export const MEMORY_REGRESSIONS: readonly (readonly [number, string])[] = [
  [26, 'a machine that one side of a partition had sent away came back, because the other side still had its node'],
  [423, 'a server took over with an epoch that it had been offered by one which was gone again'],
  [468, 'the same, by other ways'],
]

import { OperationalError } from '../errors.ts'
import { DURATION_FORM, parseDuration } from '../manifest/units.ts'
import type { Cluster } from '../model/cluster.ts'
import { detectionOf, FAILURE_DETECTIONS, isHeartbeat, type Vigilance, vigilanceIn } from '../node/vigilance.ts'
import { STRATEGIES, type Strategy } from '../schedule/strategy.ts'

/** What users may set for the whole cluster, by the name that they use. */
export interface SettingView {
  readonly key: SettingKey
  readonly value: string
  /** Whether it was set for the cluster; else it is what the leader was started with. */
  readonly isSet: boolean
  readonly meaning: string
}

/** What the leader was started with. */
export interface Started {
  readonly strategy: Strategy
  readonly vigilance: Vigilance
}

interface Setting {
  readonly meaning: string
  readonly view: (cluster: Cluster) => string | null
  /** As the leader was started; left out: it is always set. */
  readonly started?: (started: Started) => string
  /** The cluster with the new value; null: the text is none. */
  readonly change: (cluster: Cluster, text: string) => Cluster | null
  /** What would be a value. */
  readonly form: string
}

const SETTINGS = {
  'cluster.name': {
    meaning: 'name of the cluster; servers that answer searches tell a new one from their next start on',
    form: 'use letters, digits and . _ -',
    view: ({ name }) => name,
    change: (cluster, name) => (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name) ? { ...cluster, name } : null),
  },
  strategy: {
    meaning: 'how nodes are chosen for new tasks; takes effect at once',
    form: `use one of ${STRATEGIES.join(', ')}`,
    view: ({ settings }) => settings?.strategy ?? null,
    started: ({ strategy }) => strategy,
    change: (cluster, text) => {
      const strategy = STRATEGIES.find((known) => known === text)
      return strategy === undefined ? null : { ...cluster, settings: { ...cluster.settings, strategy } }
    },
  },
  'cluster.failure_detection': {
    meaning: 'how quickly lost machines are found out; takes effect at once',
    form: `use one of ${FAILURE_DETECTIONS.join(', ')}`,
    view: ({ settings }) => settings?.failureDetection ?? null,
    started: ({ vigilance }) => detectionOf(vigilance),
    change: (cluster, text) => {
      const failureDetection = FAILURE_DETECTIONS.find((known) => known === text)
      return failureDetection === undefined ? null : { ...cluster, settings: { ...cluster.settings, failureDetection } }
    },
  },
  'cluster.heartbeat': {
    meaning: 'how often agents say that they are there, however many they are; default: as failure detection has it',
    form: `write ${DURATION_FORM}, from 250ms to 10s, or default`,
    view: ({ settings }) => (settings?.heartbeatMs === undefined ? null : durationText(settings.heartbeatMs)),
    started: ({ vigilance: { heartbeatMs } }) => durationText(heartbeatMs),
    change: (cluster, text) => {
      const { heartbeatMs: _, ...others } = cluster.settings ?? {}
      if (text === 'default') return { ...cluster, settings: others }
      const heartbeatMs = parseDuration(text)
      return heartbeatMs === null || !isHeartbeat(heartbeatMs)
        ? null
        : { ...cluster, settings: { ...others, heartbeatMs } }
    },
  },
} as const satisfies Record<string, Setting>
export type SettingKey = keyof typeof SETTINGS
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[]

/** Everything that can be set, as it is. `started`: what the leader was started with. */
export function viewSettings(cluster: Cluster, started: Started): readonly SettingView[] {
  // What is set for failure detection decides on the heartbeat that nobody set.
  const effective = { ...started, vigilance: vigilanceIn(cluster.settings ?? {}, started.vigilance) }
  return SETTING_KEYS.map((key) => {
    const { view, meaning, started: otherwise = () => '' }: Setting = SETTINGS[key]
    const value = view(cluster)
    return { key, value: value ?? otherwise(effective), isSet: value !== null, meaning }
  })
}

/** The cluster with another setting. Throws NOT_FOUND for a key that there is not, CONFIG_INVALID for a value that is none. */
export function changeSetting(cluster: Cluster, key: string, value: string): Cluster {
  const known = SETTING_KEYS.find((one) => one === key)
  if (known === undefined)
    throw new OperationalError('NOT_FOUND', `there is no setting ${key}`, {
      hint: `there are ${SETTING_KEYS.join(', ')}`,
    })
  const { change, form } = SETTINGS[known]
  const changed = change(cluster, value)
  if (changed === null) throw new OperationalError('CONFIG_INVALID', `"${value}" is no ${key}`, { hint: form })
  return changed
}

function durationText(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`
}

import { OperationalError } from '../errors.ts'
import type { Cluster } from '../model/cluster.ts'
import { STRATEGIES, type Strategy } from '../schedule/strategy.ts'

/** What users may set for the whole cluster, by the name that they use. */
export interface SettingView {
  readonly key: SettingKey
  readonly value: string
  /** Whether it was set for the cluster; else it is what the leader was started with. */
  readonly isSet: boolean
  readonly meaning: string
}

interface Setting {
  readonly meaning: string
  readonly view: (cluster: Cluster) => string | null
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
    change: (cluster, text) => {
      const strategy = STRATEGIES.find((known) => known === text)
      return strategy === undefined ? null : { ...cluster, settings: { ...cluster.settings, strategy } }
    },
  },
} as const satisfies Record<string, Setting>
export type SettingKey = keyof typeof SETTINGS
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[]

/** Everything that can be set, as it is. `started`: what the leader was started with. */
export function viewSettings(cluster: Cluster, started: { readonly strategy: Strategy }): readonly SettingView[] {
  return SETTING_KEYS.map((key) => {
    const { view, meaning } = SETTINGS[key]
    const value = view(cluster)
    return { key, value: value ?? started.strategy, isSet: value !== null, meaning }
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

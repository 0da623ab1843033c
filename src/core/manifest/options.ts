import type { ServiceForm } from './schema-service.ts'
import { splitWords } from './shell-words.ts'
import { nearest } from './suggest.ts'

export interface ReadOptions {
  /** The keys that the options stand for. */
  readonly keys: ServiceForm
  /** What is wrong with them: a sentence each, and a word of help or nothing. */
  readonly problems: readonly { readonly message: string; readonly hint: string }[]
}

type Draft = { -readonly [K in keyof ServiceForm]: ServiceForm[K] }
/** Puts a value where it belongs; returns what is wrong with it, or null. */
type Take = (draft: Draft, value: string) => string | null
type ListKey = 'ports' | 'env' | 'volumes' | 'dns' | 'extra_hosts' | 'labels' | 'devices' | 'tmpfs'
type TextKey = 'hostname' | 'user' | 'working_dir' | 'network' | 'entrypoint' | 'stop_signal'
type LimitKey = keyof NonNullable<ServiceForm['limits']>

const toList =
  (name: ListKey): Take =>
  (draft, value) => {
    draft[name] = [...((draft[name] as string[] | undefined) ?? []), value]
    return null
  }
const toText =
  (name: TextKey): Take =>
  (draft, value) => {
    draft[name] = value
    return null
  }
const toLimit =
  (name: LimitKey): Take =>
  (draft, value) => {
    const number = name === 'memory_swappiness' || name === 'cpu_shares' || name === 'blkio_weight'
    draft.limits = { ...draft.limits, [name]: number ? Number(value) : value }
    return null
  }
const toCapability =
  (name: 'add' | 'drop'): Take =>
  (draft, value) => {
    draft.capabilities = { ...draft.capabilities, [name]: [...(draft.capabilities?.[name] ?? []), value] }
    return null
  }

function toNetwork(draft: Draft, value: string): null {
  if (value === 'host' || value === 'none' || value === 'bridge') draft.network_mode = value
  else draft.network = value
  return null
}

function toRestart(draft: Draft, value: string): string | null {
  if (value !== 'no' && value !== 'always' && value !== 'on-failure' && value !== 'unless-stopped') {
    return `--restart ${value} is not supported`
  }
  draft.restart_policy = value
  return null
}

function toUlimit(draft: Draft, value: string): string | null {
  const [name = '', limit] = value.split('=')
  if (name === '' || limit === undefined) return `--ulimit ${value} is not of the form name=soft:hard`
  draft.ulimits = { ...draft.ulimits, [name]: limit }
  return null
}

function toLogOption(draft: Draft, value: string): string | null {
  const [name = '', ...rest] = value.split('=')
  if (name === '' || rest.length === 0) return `--log-opt ${value} is not of the form name=value`
  draft.logging = {
    driver: 'json-file',
    ...draft.logging,
    options: { ...draft.logging?.options, [name]: rest.join('=') },
  }
  return null
}

/** Flags of `docker run` that take a value. */
const VALUED: ReadonlyMap<string, Take> = new Map(
  Object.entries({
    '--publish': toList('ports'),
    '--env': toList('env'),
    '--volume': toList('volumes'),
    '--dns': toList('dns'),
    '--add-host': toList('extra_hosts'),
    '--label': toList('labels'),
    '--device': toList('devices'),
    '--tmpfs': toList('tmpfs'),
    '--hostname': toText('hostname'),
    '--user': toText('user'),
    '--workdir': toText('working_dir'),
    '--entrypoint': toText('entrypoint'),
    '--stop-signal': toText('stop_signal'),
    '--stop-timeout': (draft, value) => {
      draft.stop_grace_period = value
      return null
    },
    '--network': toNetwork,
    '--restart': toRestart,
    '--cap-add': toCapability('add'),
    '--cap-drop': toCapability('drop'),
    '--ulimit': toUlimit,
    '--memory': toLimit('memory'),
    '--memory-swap': toLimit('memory_swap'),
    '--memory-swappiness': toLimit('memory_swappiness'),
    '--kernel-memory': toLimit('kernel_memory'),
    '--cpus': toLimit('cpus'),
    '--cpu-shares': toLimit('cpu_shares'),
    '--cpuset-cpus': toLimit('cpuset_cpus'),
    '--blkio-weight': toLimit('blkio_weight'),
    '--log-driver': (draft, value) => {
      draft.logging = { ...draft.logging, driver: value as NonNullable<ServiceForm['logging']>['driver'] }
      return null
    },
    '--log-opt': toLogOption,
  } satisfies Record<string, Take>),
)

/** Flags of `docker run` that are true by being there. */
const SWITCHES: ReadonlyMap<string, 'read_only' | 'privileged' | 'init'> = new Map([
  ['--read-only', 'read_only'],
  ['--privileged', 'privileged'],
  ['--init', 'init'],
])

const SHORT: ReadonlyMap<string, string> = new Map([
  ['-p', '--publish'],
  ['-e', '--env'],
  ['-v', '--volume'],
  ['-h', '--hostname'],
  ['-u', '--user'],
  ['-w', '--workdir'],
  ['-l', '--label'],
  ['-m', '--memory'],
  ['-c', '--cpu-shares'],
  ['--net', '--network'],
])

/** Every option that can be given, as the reference page lists them. */
export const SUPPORTED_OPTIONS: readonly string[] = [...VALUED.keys(), ...SWITCHES.keys()]

/** Reads raw options of `docker run` as the keys that they stand for. What is not supported is named, never dropped. */
export function readOptions(text: string): ReadOptions {
  const problems: { message: string; hint: string }[] = []
  const draft: Draft = {}
  const words = splitWords(text)
  if (words === null) return { keys: draft, problems: [{ message: 'a quote is not closed', hint: 'close it' }] }
  for (let i = 0; i < words.length; i++) {
    const { flag, attached } = splitFlag(words[i] ?? '')
    const choice = SWITCHES.get(flag)
    const take = VALUED.get(flag)
    if (choice !== undefined && (attached === null || attached === 'true' || attached === 'false'))
      draft[choice] = attached !== 'false'
    else if (take === undefined) problems.push(unsupported(words[i] ?? '', flag))
    else {
      const value = attached ?? words[++i]
      const wrong = value === undefined || value === '' ? `${flag} needs a value` : take(draft, value)
      if (typeof wrong === 'string') problems.push({ message: wrong, hint: '' })
    }
  }
  return { keys: draft, problems }
}

function splitFlag(word: string): { flag: string; attached: string | null } {
  if (word.startsWith('--')) {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals)
    return { flag: SHORT.get(name) ?? name, attached: equals < 0 ? null : word.slice(equals + 1) }
  }
  const long = SHORT.get(word.slice(0, 2))
  if (long === undefined) return { flag: word, attached: null }
  const attached = word.slice(2).replace(/^=/, '')
  return { flag: long, attached: word.length > 2 ? attached : null }
}

function unsupported(word: string, flag: string): { message: string; hint: string } {
  if (!word.startsWith('-')) return { message: `"${word}" is not an option`, hint: 'the command goes into command' }
  const meant = nearest(flag, SUPPORTED_OPTIONS)
  const hint = meant === null ? `supported: ${SUPPORTED_OPTIONS.join(', ')}` : `did you mean ${meant}?`
  return { message: `the option ${flag} is not supported`, hint }
}

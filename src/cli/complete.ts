import type { Command, Option } from 'commander'
import { OperationalError } from '../core/errors.ts'
import type { Context } from './context.ts'
import { GLOBAL_OPTIONS } from './globals.ts'

type Known = 'clusters' | 'services' | 'tasks' | 'revisions' | 'nodes' | 'node objects' | 'dispatches'

/** Commands whose first argument is a name that the server knows. */
const NAMED: Readonly<Record<string, readonly Known[]>> = {
  use: ['clusters'],
  'clusters rm': ['clusters'],
  services: ['services'],
  tasks: ['services'],
  'service scale': ['services'],
  'service restart': ['services'],
  logs: ['services', 'tasks', 'dispatches'],
  explain: ['services', 'tasks', 'node objects'],
  inspect: ['services', 'tasks'],
  exec: ['tasks'],
  'task get': ['dispatches', 'tasks'],
  'task stop': ['dispatches', 'tasks'],
  rollback: ['revisions'],
  revisions: ['revisions'],
  nodes: ['nodes'],
  'node drain': ['nodes'],
  'node pause': ['nodes'],
  'node activate': ['nodes'],
  'node label': ['nodes'],
  'node set': ['nodes'],
  'node rm': ['nodes'],
  'node fence': ['nodes'],
  'node replace': ['nodes'],
}

/** What may stand in the place of the last of these words. Without a server, only what the program knows by itself. */
export async function complete(
  words: readonly string[],
  program: Command,
  context: Context,
): Promise<readonly string[]> {
  const last = words.at(-1) ?? ''
  const { command, path, position } = commandAt(words.slice(0, -1), program)
  const value = optionThatWaits(words.at(-2) ?? '', command)
  if (value !== null) return (value.argChoices ?? []).filter((choice) => choice.startsWith(last))
  const candidates = last.startsWith('-')
    ? [...GLOBAL_OPTIONS.map(([flags]) => flags.split(' ')[0] ?? ''), ...command.options.map(longName)]
    : await argumentsOf(command, path, position, context)
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(last))
}

interface Place {
  readonly command: Command
  /** `service scale` */
  readonly path: string
  /** How many arguments of that command stand before. */
  readonly position: number
}

function commandAt(before: readonly string[], program: Command): Place {
  let command = program
  let position = 0
  const path: string[] = []
  for (const [at, word] of before.entries()) {
    if (word.startsWith('-') || optionThatWaits(before[at - 1] ?? '', command) !== null) continue
    const below = position === 0 ? command.commands.find((one) => one.name() === word) : undefined
    if (below === undefined) position += 1
    else {
      command = below
      path.push(word)
    }
  }
  return { command, path: path.join(' '), position }
}

/** The option that this word is, if the next word is its value. */
function optionThatWaits(word: string, command: Command): Option | null {
  if (!word.startsWith('-') || word === '-') return null
  return command.options.find((option) => (option.short === word || option.long === word) && option.required) ?? null
}

function longName(option: Option): string {
  return option.long ?? option.short ?? ''
}

async function argumentsOf(
  command: Command,
  path: string,
  position: number,
  context: Context,
): Promise<readonly string[]> {
  if (command.commands.length > 0 && position === 0) return command.commands.map((one) => one.name())
  const argument = command.registeredArguments[position]
  if (argument?.argChoices !== undefined) return argument.argChoices
  const known = position === 0 ? (NAMED[path] ?? []) : []
  try {
    return (await Promise.all(known.map((kind) => namesOf(kind, context)))).flat()
  } catch (error) {
    if (error instanceof OperationalError) return []
    throw error
  }
}

async function namesOf(kind: Known, context: Context): Promise<readonly string[]> {
  if (kind === 'clusters') {
    const { findContexts } = await import('./contexts/find-contexts.ts')
    return (await findContexts(context.env)).contexts.map(({ name }) => name)
  }
  const client = context.client()
  switch (kind) {
    case 'services':
      return (await client.services()).map(({ name }) => name)
    case 'tasks':
      return (await client.tasks({ service: null, all: false })).map(({ id }) => id)
    case 'dispatches':
      return (await client.dispatches()).map(({ id }) => id)
    case 'revisions':
      return (await client.revisions()).map(({ number }) => String(number))
    case 'node objects':
      return (await client.nodes()).map(({ id }) => `node/${id}`)
    case 'nodes':
      return (await client.nodes()).map(({ id }) => String(id))
  }
}

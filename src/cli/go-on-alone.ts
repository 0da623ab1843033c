import type { Recovery } from '../main/managed-etcd/recover.ts'
import { confirm } from './ask.ts'
import type { Context } from './context.ts'
import { socketPath } from './globals.ts'

const CONSEQUENCE = `This server goes on alone with what it has of the state. What the others had acknowledged and this one
had not heard of is lost. Never start the others again with their old data.`

interface Flags {
  readonly plan?: boolean
  readonly yes?: boolean
}

/** Makes this server the only one that keeps the store, after asking; with `plan` it only says whether and how that can be done. */
export async function goOnAlone({ plan = false, yes = false }: Flags, context: Context): Promise<void> {
  const { checkSurvivor, recoverFromSurvivor } = await import('../main/managed-etcd/recover.ts')
  const { dataDir } = context.globals
  const options = { dataDir, socketPath: socketPath(context.globals), by: 'local user' }
  if (plan) {
    context.print(await checkSurvivor(options), ({ survivor, others }) => planText(survivor, others))
    return
  }
  const answer = await confirm(`${CONSEQUENCE} Go on?`, yes)
  if (answer !== 'yes') {
    context.say(`${answer === 'interrupted' ? '\n' : ''}Nothing was changed.`)
    context.exitCode = answer === 'interrupted' ? 130 : 1
    return
  }
  context.print(await recoverFromSurvivor(options), recoveryText)
}

function planText(survivor: string, others: readonly string[]): string {
  const left = others.length === 0 ? '' : `\nLeft behind: ${others.join(', ')}; none of them makes a majority now.`
  return `Server ${survivor} becomes the only member of the store.${left}\n${CONSEQUENCE}`
}

function recoveryText({ survivor, storeRevision, incarnation }: Recovery): string {
  return [
    `Server ${survivor} is the only member of the store now: revision ${storeRevision}, incarnation ${incarnation}.`,
    'Next: start it again with `gantry up` as before. Agents come back to it by themselves, and nothing is restarted.',
    'Join tokens from before are void. The other servers join anew: `gantry node rm` them, remove etcd, etcd-run and',
    'identity from their data directories, and start them with a new token.',
  ].join('\n')
}

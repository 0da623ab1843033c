import type { Recovery } from '../main/managed-etcd/recover.ts'
import { confirm } from './ask.ts'
import type { Context } from './context.ts'
import { socketPath } from './globals.ts'

const QUESTION = `This server goes on alone with what it has of the state. What the others had acknowledged and this one
had not heard of is lost. Never start the others again with their old data. Go on?`

/** Makes this server the only one that keeps the store, after asking. */
export async function goOnAlone(yes: boolean, context: Context): Promise<void> {
  const answer = await confirm(QUESTION, yes)
  if (answer !== 'yes') {
    context.say(`${answer === 'interrupted' ? '\n' : ''}Nothing was changed.`)
    context.exitCode = answer === 'interrupted' ? 130 : 1
    return
  }
  const { recoverFromSurvivor } = await import('../main/managed-etcd/recover.ts')
  const { dataDir } = context.globals
  const done = await recoverFromSurvivor({ dataDir, socketPath: socketPath(context.globals), by: 'local user' })
  context.print(done, recoveryText)
}

function recoveryText({ survivor, storeRevision, incarnation }: Recovery): string {
  return [
    `Server ${survivor} is the only member of the store now: revision ${storeRevision}, incarnation ${incarnation}.`,
    'Next: start it again with `gantry up` as before. Agents come back to it by themselves, and nothing is restarted.',
    'Join tokens from before are void. The other servers join anew: `gantry node rm` them, remove etcd, etcd-run and',
    'identity from their data directories, and start them with a new token.',
  ].join('\n')
}

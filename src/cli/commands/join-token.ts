import { Command, Option } from 'commander'
import { ROLES, type Role } from '../../core/model/identity.ts'
import type { JoinTokenView } from '../../core/model/view.ts'
import type { Context } from '../context.ts'
import { age } from '../render/age.ts'
import type { Format } from '../render/format.ts'
import { table } from '../render/table.ts'
import { seconds, wholeNumber } from '../values.ts'

interface CreateFlags {
  readonly role: Role
  readonly expires?: number
  readonly uses?: number
}

export function joinTokenCommand(context: Context): Command {
  const command = new Command('join-token').description('tokens with which machines join this cluster')
  command
    .command('create')
    .description('make one, and print it this once')
    .addOption(new Option('--role <role>', 'what the machine becomes').choices(ROLES).default('agent'))
    .option('--expires <time>', 'good for so long (default: 24h for agents, 1h for servers)', seconds)
    .option(
      '--uses <count>',
      'good for so many machines; 0: any number (default: any for agents, 1 for servers)',
      wholeNumber,
    )
    .addHelpText(
      'after',
      '\nExamples:\n  gantry join-token create > token.txt\n  gantry join-token create --role server --expires 10m',
    )
    .action(async ({ role, expires, uses }: CreateFlags) => {
      const made = await context.client().createJoinToken({
        role,
        ...(expires !== undefined && { lifeMs: expires }),
        ...(uses !== undefined && { uses: uses === 0 ? null : uses }),
      })
      context.print(made, ({ text }) => text)
    })
  command
    .command('ls')
    .alias('list')
    .description('list those that are kept')
    .addHelpText('after', '\nExample:\n  gantry join-token ls')
    .action(async () => context.print(await context.client().joinTokens(), tokensText))
  command
    .command('revoke')
    .description('let nobody in with it any more')
    .argument('<id>', 'as `gantry join-token ls` shows it')
    .addHelpText('after', '\nExample:\n  gantry join-token revoke 4q6vb3xk7a')
    .action(async (id: string) => {
      context.print(await context.client().revokeJoinToken(id), () => '')
    })
  return command.addHelpText('after', '\nExamples:\n  gantry join-token create > token.txt\n  gantry join-token ls')
}

function tokensText(tokens: readonly JoinTokenView[], { width, now }: Format): string {
  if (tokens.length === 0) return 'No join tokens.'
  const rows = tokens.map(({ id, role, usesLeft, createdBy, createdAt, expiresAt, revokedAt }) => [
    id,
    role,
    revokedAt !== null ? 'revoked' : expiresAt <= now ? 'expired' : usesLeft === 0 ? 'used up' : 'good',
    usesLeft === null ? 'any' : String(usesLeft),
    age(createdAt, now),
    expiresAt <= now ? '-' : age(now, expiresAt),
    createdBy,
  ])
  return table(['TOKEN', 'ROLE', 'STATE', 'USES', 'AGE', 'EXPIRES IN', 'MADE BY'], rows, width)
}

import type { Command } from 'commander'
import type { Context } from './context.ts'

/** Loads one command. */
export type Load = (context: Context) => Promise<Command>

/** Every command, in the order of help. Each is loaded when it is needed: starting up is most of what a listing costs. */
export const COMMANDS: Readonly<Record<string, Load>> = {
  up: async (context) => (await import('./commands/up.ts')).upCommand(context),
  agent: async (context) => (await import('./commands/agent.ts')).agentCommand(context),
  install: async (context) => (await import('./commands/install.ts')).installCommand(context),
  uninstall: async (context) => (await import('./commands/uninstall.ts')).uninstallCommand(context),
  'join-token': async (context) => (await import('./commands/join-token.ts')).joinTokenCommand(context),
  authority: async (context) => (await import('./commands/authority.ts')).authorityCommand(context),
  validate: async (context) => (await import('./commands/validate.ts')).validateCommand(context),
  plan: async (context) => (await import('./commands/manifest.ts')).planCommand(context),
  apply: async (context) => (await import('./commands/manifest.ts')).applyCommand(context),
  destroy: async (context) => (await import('./commands/manifest.ts')).destroyCommand(context),
  rollback: async (context) => (await import('./commands/manifest.ts')).rollbackCommand(context),
  revisions: async (context) => (await import('./commands/listings.ts')).revisionsCommand(context),
  services: async (context) => (await import('./commands/listings.ts')).servicesCommand(context),
  service: async (context) => (await import('./commands/service.ts')).serviceCommand(context),
  tasks: async (context) => (await import('./commands/listings.ts')).tasksCommand(context),
  task: async (context) => (await import('./commands/task.ts')).taskCommand(context),
  nodes: async (context) => (await import('./commands/nodes.ts')).nodesCommand(context),
  node: async (context) => (await import('./commands/node.ts')).nodeCommand(context),
  upgrade: async (context) => (await import('./commands/upgrade.ts')).upgradeCommand(context),
  logs: async (context) => (await import('./commands/logs.ts')).logsCommand(context),
  exec: async (context) => (await import('./commands/exec.ts')).execCommand(context),
  inspect: async (context) => (await import('./commands/inspect.ts')).inspectCommand(context),
  explain: async (context) => (await import('./commands/explain.ts')).explainCommand(context),
  events: async (context) => (await import('./commands/events.ts')).eventsCommand(context),
  servers: async (context) => (await import('./commands/servers.ts')).serversCommand(context),
  cluster: async (context) => (await import('./commands/cluster.ts')).clusterCommand(context),
  leader: async (context) => (await import('./commands/cluster.ts')).leaderCommand(context),
  health: async (context) => (await import('./commands/cluster.ts')).healthCommand(context),
  metrics: async (context) => (await import('./commands/metrics.ts')).metricsCommand(context),
  config: async (context) => (await import('./commands/config.ts')).configCommand(context),
  docker: async (context) => (await import('./commands/docker.ts')).dockerCommand(context),
  clusters: async (context) => (await import('./commands/clusters.ts')).clustersCommand(context),
  use: async (context) => (await import('./commands/clusters.ts')).useCommand(context),
  which: async (context) => (await import('./commands/clusters.ts')).whichCommand(context),
  backup: async (context) => (await import('./commands/backup.ts')).backupCommand(context),
  recover: async (context) => (await import('./commands/recover.ts')).recoverCommand(context),
  store: async (context) => (await import('./commands/store.ts')).storeCommand(context),
  completion: async (context) => (await import('./commands/completion.ts')).completionCommand(context),
  version: async (context) => (await import('./commands/cluster.ts')).versionCommand(context),
}

/** A word that stands for another command. */
export const ALIASES: Readonly<Record<string, string>> = { server: 'up' }

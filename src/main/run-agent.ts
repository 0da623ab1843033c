import { createLog } from '../drivers/log.ts'
import type { LogLevel } from '../ports/log.ts'
import { type AgentProcessOptions, startAgentProcess } from './agent-process.ts'
import { becomeReady } from './background.ts'
import { describeRuntime, farewell, lastWord, nextSignal, sentAway } from './foreground.ts'
import { keepMemorySmall } from './keep-memory-small.ts'
import { keepName } from './kept-name.ts'
import { nodeName } from './node-process.ts'

export interface RunAgentOptions extends AgentProcessOptions {
  /** Ctrl-C leaves the tasks running instead of stopping them. */
  readonly leave: boolean
  readonly logLevel: LogLevel
}

/** Runs an agent in the foreground until a signal ends it. Returns the exit code. */
export async function runAgent(options: RunAgentOptions): Promise<number> {
  const log = createLog({ level: options.logLevel, destination: process.stderr, pretty: process.stderr.isTTY })
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const agent = await startAgentProcess(options, log)
  await keepName(options.dataDir, nodeName(options))
  const signal = nextSignal()
  for (const line of agent.runtimes().map(describeRuntime)) say(line)
  const { nodeId, clusterId } = agent.identity
  say(
    `\nGantry is up: node ${nodeId} of cluster ${clusterId}.\n  Socket   ${options.socketPath}  (commands need a token)`,
  )
  const endReady = await becomeReady(options.dataDir)
  const endKeeping = keepMemorySmall()
  const name = await Promise.race([signal, agent.dismissed.then((reason) => ({ reason }))])
  endKeeping()
  if (typeof name !== 'string') {
    await agent.stop({ park: false })
    await endReady()
    throw sentAway(name.reason)
  }
  const park = name === 'SIGINT' && !options.leave
  say(farewell(park))
  process.once('SIGINT', () => process.exit(130))
  say(lastWord(await agent.stop({ park })))
  await endReady()
  return 0
}

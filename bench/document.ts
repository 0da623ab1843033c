import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BenchResult, type SavedResult, show } from './frame.ts'

const RESULTS = 'bench/results'

interface Explained {
  readonly title: string
  /** What is measured on our side, and against what. */
  readonly about: string
}

/** In the order of the page. Results of others come after them, under their own name. */
const EXPLAINED: Readonly<Record<string, Explained>> = {
  'deploy-host': {
    title: 'Deploy of 30 replicas, host network',
    about:
      'From the accepted manifest to the start of the last of 30 containers, as the engine tells it, without a health check. Server, agent and store (SQLite, every commit durable) run in one process. Peer: the bare calls that create and start the same containers, with the number of calls in flight that was quickest just before.',
  },
  'deploy-bridge': {
    title: 'Deploy of 30 replicas, bridge network',
    about: 'The same with a network of its own for each container.',
  },
  'crash-docker': {
    title: 'Crashed container serves again',
    about:
      'From SIGKILL of the main process of a container until its port takes connections again. Every container crashes once. Peer: the engine’s own `--restart=always`, whose first pause is 100 ms.',
  },
  'crash-process': {
    title: 'Crashed process serves again',
    about: 'The same for a supervised process. Peer: `--restart=always` of the engine, as above.',
  },
  footprint: {
    title: 'Memory of one node',
    about:
      'Proportional set size of `gantry up` (server, agent and API in one process) with 30 tasks that are probed over HTTP every 10 s; the programs themselves are not counted. Peer: the same Node with an empty script. Each has a copy of Node’s program file of its own, because shared pages would count only in part. Some 51 MB of it are pages of Node’s own program (32 with an empty script, and 8 for the compilers of V8), 24 to 27 are V8’s heap, of which the text of the bundle takes 3 and the forms that requests and manifests are checked by about 5, and 8 are what native code allocates: without another Node, or other checks, it does not come down to 75.',
  },
  store: {
    title: 'Durable commits',
    about:
      '64 writers on our SQLite store, which writes what waits in one transaction. Peer: one transaction for each write on bare SQLite. Both wait for the disk.',
  },
  'stores-sqlite-1': {
    title: 'SQLite, 1 writer',
    about: 'One commit after the other on our SQLite store. Peer: one transaction for each write on bare SQLite.',
  },
  'stores-sqlite-16': {
    title: 'SQLite, 16 writers',
    about: 'The same with 16 writers.',
  },
  'stores-etcd-1': {
    title: 'etcd, 1 writer',
    about:
      'Commits on our etcd store; an etcd of one member on the same machine that waits for its disk. Peer: puts without any guard over our own connection, as many in flight as there are writers.',
  },
  'stores-etcd-16': {
    title: 'etcd, 16 writers',
    about: 'The same with 16 writers: what waits goes together into one transaction.',
  },
  'stores-etcd-64': {
    title: 'etcd, 64 writers',
    about: 'The same with 64 writers.',
  },
  'stores-zookeeper-1': {
    title: 'ZooKeeper, 1 writer',
    about:
      'Commits on our ZooKeeper store; one server on the same machine that waits for its disk. A commit writes head, object and log entry. Peer: a multi that sets one node, without any guard, as many in flight as there are writers.',
  },
  'stores-zookeeper-16': {
    title: 'ZooKeeper, 16 writers',
    about: 'The same with 16 writers.',
  },
  'stores-zookeeper-64': {
    title: 'ZooKeeper, 64 writers',
    about: 'The same with 64 writers.',
  },
  'link-messages-tls': {
    title: 'Messages over the link, against bare TLS',
    about:
      'Reports of an agent to its server over mutual TLS and HTTP/2 on the loopback, each checked when it arrives; both ends in one process. Peer: the same texts written to a bare TLS socket and counted by their bytes.',
  },
  'link-messages-http2': {
    title: 'Messages over the link, against bare HTTP/2',
    about: 'The same. Peer: a bare stream of HTTP/2 over the same TLS, there and back, counted by their bytes.',
  },
  'link-calls-tls': {
    title: 'Calls over the link, against bare TLS',
    about:
      'Calls of a server to its agent, 64 in flight, each on a stream of its own, so that none waits for another. Peer: as many bytes there and back over a bare TLS socket, which puts many into one packet.',
  },
  'link-calls-http2': {
    title: 'Calls over the link, against bare HTTP/2',
    about: 'The same. Peer: bare requests of HTTP/2 over the same TLS, 64 in flight.',
  },
  'failover-worker': {
    title: 'A machine is lost',
    about:
      'Five machines with an engine each, in namespaces of their own; three run servers. One that runs none carries all 12 replicas and loses its power: until 12 run elsewhere. From the moment before the fault to the start of the last replacement, as the engines tell it, without a health check; a random pause of up to 5 s before each fault, so that none of both is always met at the same moment of its heartbeat. Gantry keeps its state in an etcd with a member on each server’s machine. Peer: Docker Swarm on the same engines in the same run, three managers, all defaults, the image by its id so that nothing is pulled. Both run all the time.',
  },
  'failover-worker-fast': {
    title: 'A machine is lost, fast profile',
    about:
      'As “A machine is lost”, with `--failure-detection fast` on Gantry’s servers. Swarm has no such profile and runs with its defaults.',
  },
  'failover-leader': {
    title: 'The leader’s machine is lost',
    about: 'The same with the machine of the leader: of Gantry’s, with a member of etcd, or of Swarm’s managers.',
  },
  'failover-crash': {
    title: 'A container crashes',
    about:
      'The same five machines and 12 replicas spread over them; the main process of one is killed: until its replacement starts.',
  },
  takeover: {
    title: 'Leader and etcd’s leader lost at once',
    about:
      'The server that leads and the member of etcd that leads are killed together, of two servers and three members on one machine: until the next leader’s first decision is committed, as an independent client sees it. Peer: until the same etcd takes a bare write again, tried by another client all the time.',
  },
  'agents-join': {
    title: '5,000 agents say hello',
    about:
      'CPU of one server process for each of 5,000 agents that connect, 200 in a second, over mutual TLS with a certificate of their own, say hello and are given a task, until all have reported that it runs and nothing moves any more; the server keeps its state in SQLite. Peer: a process that only takes as many TLS connections.',
  },
  'agents-heartbeats': {
    title: 'Heartbeats of 5,000 agents',
    about:
      'CPU of the same server over 42 seconds in which agents only say that they are there, as often as it tells them: every 5 s when there are 5,000. Peer: a process that sends back as many bytes over as many bare connections.',
  },
  'agents-news': {
    title: 'Heartbeats and what changes',
    about:
      'The same while each agent has a new status every five minutes, 17 in a second, each committed to disk and judged. Peer: as before.',
  },
  'agents-reports': {
    title: '5,000 changes of a status at once',
    about:
      'CPU of the server for each report of 5,000 agents within three seconds, from the wire to SQLite, and the passes that follow; heartbeats are taken off. Peer: what a bare connection pays for a heartbeat.',
  },
  'agents-memory': {
    title: 'Memory for each agent',
    about:
      'What 5,000 connected agents add to the resident memory of the server, with TLS, HTTP/2 and the state of their tasks. Peer: bare TLS connections.',
  },
  'agents-storm': {
    title: '5,000 agents come back',
    about:
      'The server is killed and started again on its state, as the next leader: until the last of 5,000 agents has its assignment. They come back at random times within two seconds; half of the machine’s processors are theirs. Peer: until as many bare connections are open again.',
  },
  schedule: {
    title: 'Placements',
    about:
      'Decisions per second of CPU time over 5,000 nodes and 50,000 tasks. Peer: a textbook scheduler that filters and scores every node for every task.',
  },
  'cli-version': {
    title: 'Start of a command',
    about: '`gantry version` of the single executable. Peer: the same Node with an empty script.',
  },
  'cli-listing': {
    title: 'A listing',
    about:
      '`gantry services` of the single executable with 20 services, over the socket of a running server. Peer: the same Node with an empty script.',
  },
}

/** What the design steers by and no bench of this version measures, with the reason. */
const NOT_MEASURED = `- Deploy on three engines: no bench yet.
- Simulated lives a second on one core: \`npm run sim\` prints them.
- Rolling update under load: no bench yet; the rules that keep a service served while it rolls are tested in
  \`src/core/service\` and in simulated lives.`

/** The page docs/benchmarks.md, made of the results that are there. */
export function benchmarksPage(): string {
  const results = readdirSync(RESULTS)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(RESULTS, name), 'utf8')) as SavedResult)
    .sort((a, b) => place(a) - place(b) || (a.name < b.name ? -1 : 1))
  const missed = results.filter(({ met }) => met === false)
  return `# Benchmarks

Made by \`npm run bench\` out of [bench/results](../bench/results), which has every round; do not edit.

Both sides of a figure take turns in one run, after one round that is not counted, because what a shared machine gives changes
from minute to minute. So the ratio (ours : peer) counts, not the absolute figures. Each is the median of all rounds, with the
lowest and the highest in brackets. A safe default is never weakened for a figure, and peers get the same safety.

| figure | ours | peer | ratio | goal | reached |
|---|---|---|---|---|---|
${results.map(row).join('\n')}

${results.map(section).join('\n\n')}

## Not reached yet
${missed.map(({ name, text, goal }) => `- ${titleOf(name)}: ${text}. Goal: ${goal}.`).join('\n') || 'Every goal that is measured is reached.'}

## Not measured yet
${NOT_MEASURED}
`
}

function place({ name }: BenchResult): number {
  const at = Object.keys(EXPLAINED).indexOf(name)
  return at === -1 ? Number.POSITIVE_INFINITY : at
}

function titleOf(name: string): string {
  return EXPLAINED[name]?.title ?? name
}

function row({ name, unit, ours, peer, ratio, goal, met }: SavedResult): string {
  const cells = [titleOf(name), `${show(ours)} ${unit}`, `${show(peer)} ${unit}`, show(ratio), goal]
  return `| ${[...cells, met === null ? '–' : met ? 'yes' : 'no'].join(' | ')} |`
}

function section(result: SavedResult): string {
  const { name, text, rounds, at, commit, machine } = result
  const about = EXPLAINED[name]?.about
  const code = commit === null ? '' : `, commit ${commit.id.slice(0, 10)}${commit.changed ? ' and changes since' : ''}`
  const { os, kernel, cores, cpu, memoryMb, node } = machine
  const on = `${os}, Linux ${kernel}, ${cores} cores (${cpu}), ${Math.round(memoryMb / 1024)} GiB, Node ${node.slice(1)}`
  return `## ${titleOf(name)}
${about === undefined ? '' : `${about}\n\n`}- Result: ${text}
- ${rounds.length} rounds on ${at.slice(0, 10)}${code}
- ${on}
- \`npm run bench ${name.split('-')[0]}\``
}

import { parseArgs } from 'node:util'
import { FAULT_CLASSES } from './faults.ts'
import { live } from './life.ts'
import { SHAPES } from './profile.ts'

/** Every so often a life is lived twice: it must go the same way. */
const TWICE_EVERY = 100

const { values } = parseArgs({
  options: {
    lives: { type: 'string', default: '1000' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string' },
    /** `small`, `cluster`, `memory` or `smoke`; as each number says if it is left out. */
    shape: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
})

const shape = SHAPES.find((one) => one === values.shape)
if (values.shape !== undefined && shape === undefined) throw new Error(`there is no shape ${values.shape}`)
const shaped = shape === undefined ? {} : { shape }
// Faults make thousands of errors, and writing down where costs a life a twentieth: `--verbose` repeats it with that.
if (!values.verbose) Error.stackTraceLimit = 0
const first = Number(values.seed ?? values.first)
const lives = values.seed === undefined ? Number(values.lives) : 1
const faults = new Map<string, number>(FAULT_CLASSES.map((fault) => [fault, 0]))
const out = (line: string): void => void process.stdout.write(`${line}\n`)
const began = process.cpuUsage()
let events = 0
let lastedMs = 0
let failures = 0

for (let rngSeed = first; rngSeed < first + lives; rngSeed++) {
  const outcome = await live({ rngSeed, ...shaped, ...(values.verbose ? { onLine: out } : {}) })
  events += outcome.events
  lastedMs += outcome.lastedMs
  for (const [fault, count] of outcome.faults) faults.set(fault, (faults.get(fault) ?? 0) + count)
  if (outcome.failure !== null) {
    failures += 1
    const { message, trace } = outcome.failure
    if (!values.verbose && !values['keep-going']) for (const line of trace.slice(-60)) out(`    ${line}`)
    out(`life ${rngSeed} failed: ${message}`)
    out(`    npm run sim -- --seed ${rngSeed} ${shape === undefined ? '' : `--shape ${shape} `}--verbose`)
    if (!values['keep-going']) break
  } else if (rngSeed % TWICE_EVERY === 0) {
    const again = await live({ rngSeed, ...shaped })
    if (again.hash !== outcome.hash) {
      failures += 1
      out(`life ${rngSeed} went another way the second time: ${outcome.hash}, then ${again.hash}`)
    }
    if (lives > 1) out(`${rngSeed - first + 1} lives, ${speed(rngSeed - first + 1)}`)
  }
}

if (lives > 1) {
  out(`faults: ${[...faults].map(([fault, count]) => `${fault} ${count}`).join(', ')}`)
  const missed = [...faults].filter(([, count]) => count === 0).map(([fault]) => fault)
  if (missed.length > 0) out(`never struck: ${missed.join(', ')}`)
  out(
    `${lives} lives, ${failures} failed, ${speed(lives)}, ${Math.round(events / lives)} events and ${Math.round(lastedMs / lives / 1_000)} s a life`,
  )
}
process.exitCode = failures === 0 ? 0 : 1

function speed(done: number): string {
  const { user, system } = process.cpuUsage(began)
  return `${((done * 1_000_000) / (user + system)).toFixed(1)} lives per second of one core`
}

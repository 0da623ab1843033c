import { setFlagsFromString } from 'node:v8'

/** After so many calls V8 compiles a function anew: its own thresholds, and those of a program that runs for months. */
const CALLS = [
  { compiler: 'maglev', usual: 400, late: 20_000 },
  { compiler: 'turbofan', usual: 3_000, late: 100_000 },
] as const

/**
 * Has V8 optimise later than it would, for as long as this process lives. A node that is idle then never touches the
 * compilers, which take 7 MB; one that is busy makes so many calls within a second.
 */
export function compileLate(): void {
  for (const { compiler, late } of CALLS) setCalls(compiler, late)
  // What Node keeps of the compiled program at the end is good only for the flags that others start with.
  process.once('exit', () => {
    for (const { compiler, usual } of CALLS) setCalls(compiler, usual)
  })
}

function setCalls(compiler: string, calls: number): void {
  setFlagsFromString(`--invocation-count-for-${compiler}=${calls}`)
}

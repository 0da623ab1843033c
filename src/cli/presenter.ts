import type { Context } from './context.ts'
import { LiveBlock } from './render/live.ts'
import type { Cell } from './render/table.ts'

/** One line of what is on its way; `name` tells whose it is. */
export type ProgressLine = Cell & { readonly name: string }

/** Shows progress: on a terminal one block that is drawn again; elsewhere a line for each change. */
export function presenterFor(context: Context): (lines: readonly ProgressLine[], ended: boolean) => void {
  const began = Date.now()
  if (process.stderr.isTTY === true && !context.globals.json) {
    const block = new LiveBlock(process.stderr)
    return (lines, ended) => {
      const seconds = Math.floor((Date.now() - began) / 1_000)
      const foot = { text: `  ${seconds} s`, paint: context.err.quiet }
      block.show(ended ? lines : [...lines, foot])
    }
  }
  const told = new Map<string, string>()
  return (lines) => {
    for (const { name, text } of lines) {
      if (told.get(name) === text) continue
      told.set(name, text)
      context.say(text)
    }
  }
}

import type { TaskLogLine } from '../../transport/client.ts'
import type { Style } from './style.ts'
import { printable } from './table.ts'

/** Writes the lines of several tasks into one stream: each task has a colour and its name before each line. */
export class LogLanes {
  readonly #style: Style
  readonly #textOf: (text: string) => string
  readonly #lanes = new Map<string, number>()
  #widest = 0

  constructor(style: Style, textOf: (text: string) => string) {
    this.#style = style
    this.#textOf = textOf
  }

  line({ task, text }: TaskLogLine): string {
    const lane = this.#lanes.get(task) ?? this.#lanes.size
    this.#lanes.set(task, lane)
    this.#widest = Math.max(this.#widest, task.length)
    return `${this.#style.lane(lane, `${task.padEnd(this.#widest)} |`)} ${this.#textOf(text)}`
  }
}

/** What a task printed, for a terminal: it keeps its tabs, but cannot move the cursor or change colours. */
export function printedText(text: string): string {
  return text.includes('\t') ? text.split('\t').map(printable).join('\t') : printable(text)
}

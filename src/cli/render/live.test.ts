import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LiveBlock, type Screen } from './live.ts'

/** A terminal that knows as much as the block uses: new lines, up, carriage return, and erase to the end. */
class Terminal implements Screen {
  readonly columns: number
  readonly rows: number
  writes = 0
  #lines: string[] = ['']

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  write(text: string): void {
    this.writes += 1
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal obeys
    for (const [part, up] of text.matchAll(/\u001b\[(\d+)A\r\u001b\[J|\n|[^\n\u001b]+/g)) {
      if (up !== undefined) this.#lines = [...this.#lines.slice(0, this.#lines.length - 1 - Number(up)), '']
      else if (part === '\n') this.#lines.push('')
      else this.#lines[this.#lines.length - 1] += part
    }
  }

  get shown(): readonly string[] {
    return this.#lines.slice(0, -1)
  }
}

const lines = (...texts: string[]) => texts.map((text) => ({ text }))

test('lines that change are drawn in place of the last ones', () => {
  const terminal = new Terminal(80, 24)
  terminal.write('before\n')
  const block = new LiveBlock(terminal)
  block.show(lines('web 0 of 2', 'api 0 of 1'))
  block.show(lines('web 1 of 2', 'api 0 of 1', '3 s'))
  block.show(lines('web 2 of 2', 'api 1 of 1'))
  expect(terminal.shown).toEqual(['before', 'web 2 of 2', 'api 1 of 1'])
})

test('nothing is written while nothing changes', () => {
  const terminal = new Terminal(80, 24)
  const block = new LiveBlock(terminal)
  block.show(lines('web 0 of 2'))
  block.show(lines('web 0 of 2'))
  expect(terminal.writes).toBe(1)
})

test('whatever is shown, only the last lines stand there, none wraps, and all fit the screen', () => {
  const block = fc.array(fc.string({ maxLength: 60 }), { maxLength: 15 })
  fc.assert(
    fc.property(fc.array(block, { minLength: 1 }), (shows) => {
      const terminal = new Terminal(40, 10)
      const live = new LiveBlock(terminal)
      for (const texts of shows) live.show(lines(...texts))
      const last = shows.at(-1) ?? []
      expect(terminal.shown.length).toBe(Math.min(last.length, 9))
      expect(Math.max(0, ...terminal.shown.map((line) => line.length))).toBeLessThan(40)
      if (last.length > 9) expect(terminal.shown.at(-1)).toBe(`  ... and ${last.length - 8} more`)
    }),
  )
})

/** A cell: what it says, and how it is coloured after it was fitted. */
export interface Cell {
  readonly text: string
  readonly paint?: (text: string) => string
}

const GAP = '  '
/** No column is made narrower than this to save space. */
const NARROWEST = 8

/** Lays rows out in columns as wide as their widest cell. Where the line is too long, the widest columns give way. */
export function table(header: readonly string[], rows: readonly (readonly (string | Cell)[])[], width: number): string {
  const cells = [header.map((text): Cell => ({ text })), ...rows.map((row) => row.map(toCell))]
  const natural = header.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column]?.text ?? ''))))
  const widths = fittedWidths(natural, width - GAP.length * (header.length - 1))
  return cells
    .map((row) =>
      row
        .map((cell, column) => shown(cell, widths[column] ?? 0))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n')
}

function toCell(cell: string | Cell): Cell {
  return typeof cell === 'string' ? { text: printable(cell) } : { ...cell, text: printable(cell.text) }
}

/** Takes columns off the widest one until the sum fits, or none can give more. */
function fittedWidths(natural: readonly number[], sum: number): readonly number[] {
  const widths = [...natural]
  for (let excess = widths.reduce((a, b) => a + b, 0) - sum; excess > 0; excess--) {
    const widest = widths.indexOf(Math.max(...widths))
    if ((widths[widest] ?? 0) <= NARROWEST) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

function shown({ text, paint = (same) => same }: Cell, width: number): string {
  const cut = shorten(text, width)
  return paint(cut) + ' '.repeat(Math.max(0, width - displayWidth(cut)))
}

/** Cuts a text to that many columns; what was cut is marked. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let cut = ''
  let used = 0
  for (const letter of text) {
    used += widthOf(letter)
    if (used > width - 1) break
    cut += letter
  }
  return width < 1 ? '' : `${cut}…`
}

/** Columns that a text takes on a terminal: wide East Asian letters and emoji take two, combining marks none. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const letter of text) width += widthOf(letter)
  return width
}

const PLAIN = /^[\x20-\x7e]*$/
const NONE = /[\p{M}\p{Cf}]/u
const DOUBLE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u

function widthOf(letter: string): number {
  if (NONE.test(letter)) return 0
  return DOUBLE.test(letter) ? 2 : 1
}

/** Text from elsewhere must not move the cursor or change colours: control characters become spaces. */
export function printable(text: string): string {
  return PLAIN.test(text) ? text : [...text].map((letter) => (isControl(letter) ? ' ' : letter)).join('')
}

/** Control characters, and those that turn the direction of what follows. */
function isControl(letter: string): boolean {
  const code = letter.codePointAt(0) ?? 0
  return (
    code < 0x20 ||
    (code >= 0x7f && code < 0xa0) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069)
  )
}

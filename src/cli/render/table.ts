/** A cell: what it says, and how it is coloured after it was fitted. */
export interface Cell {
  readonly text: string
  readonly paint?: (text: string) => string
}

const GAP = '  '
/** No column is made narrower than this to save space. */
const NARROWEST = 8

/**
 * Lays rows out in columns as wide as their widest cell. Where the line is too long, the widest columns give way. A last
 * column without a name holds remarks: they are never cut, but stand below their rows where they do not fit beside them.
 */
export function table(header: readonly string[], rows: readonly (readonly (string | Cell)[])[], width: number): string {
  const cells = [header.map((text): Cell => ({ text })), ...rows.map((row) => row.map(toCell))]
  const natural = header.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column]?.text ?? ''))))
  if (header.at(-1) === '' && lineWidth(natural) > width) return withRemarksBelow(cells, natural.slice(0, -1), width)
  return inColumns(cells, fittedWidths(natural, width)).join('\n')
}

function withRemarksBelow(cells: readonly (readonly Cell[])[], natural: readonly number[], width: number): string {
  const columns = cells.map((row) => row.slice(0, -1))
  const lines = inColumns(columns, fittedWidths(natural, width))
  return lines
    .flatMap((line, at) => {
      const remark = cells[at]?.at(-1)
      return remark === undefined || remark.text === '' ? [line] : [line, `${GAP}${painted(remark, remark.text)}`]
    })
    .join('\n')
}

function inColumns(cells: readonly (readonly Cell[])[], widths: readonly number[]): readonly string[] {
  return cells.map((row) =>
    row
      .map((cell, column) => shown(cell, widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
}

function toCell(cell: string | Cell): Cell {
  return typeof cell === 'string' ? { text: printable(cell) } : { ...cell, text: printable(cell.text) }
}

/** Takes columns off the widest one until the line fits, or none can give more. */
function fittedWidths(natural: readonly number[], width: number): readonly number[] {
  const widths = [...natural]
  for (let excess = lineWidth(natural) - width; excess > 0; excess--) {
    const widest = widths.indexOf(Math.max(...widths))
    if ((widths[widest] ?? 0) <= NARROWEST) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1)
}

function painted({ paint = (same) => same }: Cell, text: string): string {
  return paint(text)
}

function shown(cell: Cell, width: number): string {
  const cut = shorten(cell.text, width)
  return painted(cell, cut) + ' '.repeat(Math.max(0, width - displayWidth(cut)))
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

/** A cell: what it says, and how it is coloured after it was fitted. */
export interface Cell {
  readonly text: string
  readonly paint?: (text: string) => string
}

const GAP = '  '
const SHORTEST = 8

/** Lays rows out in columns as wide as their widest cell. Where the line is too long, the last column gives way. */
export function table(header: readonly string[], rows: readonly (readonly (string | Cell)[])[], width: number): string {
  const cells = [header.map((text): Cell => ({ text })), ...rows.map((row) => row.map(toCell))]
  const widths = header.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column]?.text ?? ''))))
  const fixed = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP.length, 0)
  const last = widths.length - 1
  widths[last] = Math.min(widths[last] ?? 0, Math.max(SHORTEST, width - fixed))
  return cells
    .map((row) =>
      row
        .map((cell, column) => fitted(cell, widths[column] ?? 0, column === last))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n')
}

function toCell(cell: string | Cell): Cell {
  return typeof cell === 'string' ? { text: cell } : cell
}

function fitted({ text, paint = (same) => same }: Cell, width: number, isLast: boolean): string {
  const clean = printable(text)
  const shown = displayWidth(clean) <= width ? clean : `${clean.slice(0, Math.max(0, width - 1))}…`
  return paint(shown) + (isLast ? '' : ' '.repeat(Math.max(0, width - displayWidth(shown))))
}

/** Columns that a text takes on a terminal: wide East Asian letters and emoji take two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0
  for (const letter of text)
    width += /\p{M}/u.test(letter)
      ? 0
      : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(
            letter,
          )
        ? 2
        : 1
  return width
}

/** Text from elsewhere must not move the cursor or change colours: control characters are shown, not sent. */
export function printable(text: string): string {
  return [...text].map((letter) => (isControl(letter) ? ' ' : letter)).join('')
}

function isControl(letter: string): boolean {
  const code = letter.codePointAt(0) ?? 0
  return code < 0x20 || (code >= 0x7f && code < 0xa0)
}

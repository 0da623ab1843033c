import { createColors } from 'picocolors'

/** The only place that knows colours: names say what a text is, not how it looks. */
export interface Style {
  heading(text: string): string
  good(text: string): string
  bad(text: string): string
  warning(text: string): string
  quiet(text: string): string
  added(text: string): string
  changed(text: string): string
  removed(text: string): string
  /** One of several colours, always the same for the same number. */
  lane(index: number, text: string): string
}

/** The style of a stream that shows colours, or of one that does not. */
export function styleFor(colored: boolean): Style {
  const colors = createColors(colored)
  const lanes = [colors.cyan, colors.magenta, colors.yellow, colors.green, colors.blue, colors.red]
  return {
    heading: colors.bold,
    good: colors.green,
    bad: colors.red,
    warning: colors.yellow,
    quiet: colors.dim,
    added: colors.green,
    changed: colors.yellow,
    removed: colors.red,
    lane: (index, text) => (lanes[index % lanes.length] ?? colors.reset)(text),
  }
}

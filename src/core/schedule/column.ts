import { InvariantError } from '../../lib/assert.ts'

/** One number of every node, by the node's position in the fleet. */
export type Column = Float64Array

/** Makes a column from a list; every number comes from one item. */
export function columnOf<T>(items: readonly T[], of: (item: T) => number): Column {
  // `Float64Array.from` takes seven times as long: it asks the list for an iterator.
  const column = new Float64Array(items.length)
  items.forEach((item, at) => {
    column[at] = of(item)
  })
  return column
}

/** The number at a position. */
export function cell(column: Column, at: number): number {
  const value = column[at]
  // invariant() would make its message for every number that is read.
  if (value === undefined) throw new InvariantError(`no node at position ${at}`)
  return value
}

/** Adds to the number at a position. */
export function add(column: Column, at: number, amount: number): void {
  column[at] = cell(column, at) + amount
}

import type { Snapshot } from '../../src/ports/store.ts'

/**
 * Throws unless all that was acknowledged (`<revision> <name>`) is there, once, and all that is there are whole commits,
 * each of an object `service/<name>` and an event of that name, with revisions without a gap.
 */
export function judgeAcknowledged(
  store: string,
  acknowledged: readonly string[],
  { revision, records }: Snapshot,
): void {
  const objects = new Map<number, string>()
  const events = new Map<number, string>()
  const twice: string[] = []
  for (const record of records) {
    const name = 'message' in record.value ? record.value.message : record.key.slice('service/'.length)
    const known = record.key.startsWith('event/') ? events : objects
    if (known.has(record.revision)) twice.push(`${record.revision}: ${known.get(record.revision)} and ${name}`)
    known.set(record.revision, name)
  }
  const numbers = acknowledged.map((line) => line.split(' ')[0])
  const wrong = {
    lost: acknowledged.filter((line) => {
      const [number, name] = line.split(' ')
      return objects.get(Number(number)) !== name
    }),
    'acknowledged twice': numbers.toSorted().filter((number, index, sorted) => number === sorted[index - 1]),
    'there twice': twice,
    'missing or not whole': Array.from({ length: revision }, (_, index) => index + 1).filter(
      (number) => !objects.has(number) || objects.get(number) !== events.get(number),
    ),
    'beyond the newest revision': [...objects.keys(), ...events.keys()].filter((number) => number > revision),
  }
  for (const [what, found] of Object.entries(wrong)) {
    if (found.length > 0) throw new Error(`${store}: ${found.length} ${what}, such as ${found.slice(0, 3).join(', ')}`)
  }
}

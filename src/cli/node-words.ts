import { InvalidArgumentError } from 'commander'
import { LABEL_NAME, LABEL_NAME_RULE, whyNoAddress, whyNoNodeName, whyNoPlacementName } from '../core/manifest/names.ts'
import { pair } from './values.ts'

/** Reads the name of this node. */
export const nodeNameWord = checked(whyNoNodeName)

/** Reads the placement of a node. */
export const placementWord = checked(whyNoPlacementName)

/** Reads where a node is reached. */
export const addressWord = checked(whyNoAddress)

/** Reads a region or a zone. */
export const placeWord = checked((text) => (text === '' ? 'it is empty' : null))

/** Collects labels of a node, `key=value`. */
export function labelWord(text: string, before?: Readonly<Record<string, string>>): Record<string, string> {
  const labels = pair(text, before)
  if (Object.keys(labels).every((name) => LABEL_NAME.test(name))) return labels
  throw new InvalidArgumentError(LABEL_NAME_RULE)
}

/** Options are read before anything is done, so that a machine does not join with what nobody takes. */
function checked(whyNot: (text: string) => string | null): (text: string) => string {
  return (text) => {
    const why = whyNot(text)
    if (why !== null) throw new InvalidArgumentError(why)
    return text
  }
}

/** Where a value stands in a document: keys of mappings and indices of lists, from the root. */
export type Path = readonly (string | number)[]

/** Prints a path as people write it: `services.web.ports[0].host_port`; the root is `(document)`. */
export function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[\w-]+$/.test(part)) text += text === '' ? part : `.${part}`
    else text += `[${JSON.stringify(part)}]`
  }
  return text === '' ? '(document)' : text
}

const texts = new WeakMap<object, string>()

/** JSON of an object that is replaced, never changed: it is printed once, and its text is kept for as long as it is there. */
export function keptJson(value: object): string {
  const known = texts.get(value)
  if (known !== undefined) return known
  const text = JSON.stringify(value)
  texts.set(value, text)
  return text
}

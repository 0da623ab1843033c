/** An arrow that closes a circle: from, the which-th of its arrows, and the circle from its first node to itself. */
export interface Circle {
  readonly from: string
  readonly arrow: number
  readonly nodes: readonly string[]
}

/** Finds each arrow that closes a circle, in time linear in nodes and arrows. Walks without recursion: chains may be long. */
export function findCircles(arrows: ReadonlyMap<string, readonly string[]>): readonly Circle[] {
  const done = new Set<string>()
  const circles: Circle[] = []
  for (const start of arrows.keys()) {
    if (done.has(start)) continue
    const trail: { name: string; next: number }[] = [{ name: start, next: 0 }]
    const onTrail = new Set([start])
    for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
      const arrow = top.next++
      const to = arrows.get(top.name)?.[arrow]
      if (to === undefined) {
        done.add(top.name)
        onTrail.delete(top.name)
        trail.pop()
      } else if (onTrail.has(to)) {
        const names = trail.map(({ name }) => name)
        circles.push({ from: top.name, arrow, nodes: [...names.slice(names.indexOf(to)), to] })
      } else if (!done.has(to)) {
        trail.push({ name: to, next: 0 })
        onTrail.add(to)
      }
    }
  }
  return circles
}

/** The circle in one line; of a long one the beginning and the end. */
export function formatCircle({ nodes }: Circle): string {
  return (nodes.length > 12 ? [...nodes.slice(0, 6), '…', ...nodes.slice(-5)] : nodes).join(' → ')
}

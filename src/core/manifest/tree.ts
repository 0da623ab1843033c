import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  Scalar,
  type YAMLMap,
} from 'yaml'
import { countNode, TooLarge } from './limits.ts'
import type { Path } from './path.ts'

export interface Position {
  readonly line: number
  readonly column: number
}

/** A document as plain values, and where each of them stands in the text. */
export interface Tree {
  readonly value: unknown
  /** Whether there is a value at that path. */
  has(path: Path): boolean
  /** Position of the value or of its key; of the nearest enclosing one that exists when the path leads nowhere. */
  position(path: Path, at: 'key' | 'value'): Position
  /** The text of a plain scalar as it was written (`1.10`, not 1.1); null when there is none. */
  source(path: Path): string | null
}

type ReportAt = (path: Path, offset: number, message: string, hint: string) => void
type Targets = ReadonlyMap<Alias, Node>

/** Expands aliases and merge keys, and reports keys that are doubled, not text, or dangerous. */
export function createTree(document: Document.Parsed, lines: LineCounter, report: ReportAt): Tree | null {
  const root = document.contents as Node | null
  try {
    const targets = aliasTargets(root, report)
    const value = new Expansion(targets, report).expand(root, [], 1)
    const index = new KeyIndex()
    const find = (path: Path): Found => locate(root, path, targets, index)
    return {
      value,
      has: (path) => find(path).exact,
      position: (path, at) => {
        const { key, node } = find(path)
        const offset = (at === 'key' ? (key ?? node) : (node ?? key))?.range?.[0] ?? 0
        const { line, col } = lines.linePos(offset)
        return { line: Math.max(line, 1), column: Math.max(col, 1) }
      },
      source: (path) => {
        const { node, exact } = find(path)
        return exact && isScalar(node) && node.type === Scalar.PLAIN ? (node.source ?? null) : null
      },
    }
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error
    report([], error.offset, error.message, 'aliases that contain aliases grow quickly')
    return null
  }
}

/** Resolves each alias to the last node before it that carries its anchor. */
function aliasTargets(root: Node | null, report: ReportAt): Targets {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  const walk = (node: unknown): void => {
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target) targets.set(node, target)
      else
        report(
          [],
          node.range?.[0] ?? 0,
          `no anchor is named ${node.source}`,
          `write &${node.source} before the value first`,
        )
      return
    }
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return
    if (node.anchor) anchors.set(node.anchor, node)
    if (isMap(node)) {
      for (const pair of node.items) {
        walk(pair.key)
        walk(pair.value)
      }
    } else if (isSeq(node)) node.items.forEach(walk)
  }
  walk(root)
  return targets
}

/** Turns nodes into plain values, counting what comes out so that aliases cannot make it explode. */
class Expansion {
  readonly #targets: Targets
  readonly #report: ReportAt
  readonly #checked = new Set<YAMLMap>()
  #nodes = 0

  constructor(targets: Targets, report: ReportAt) {
    this.#targets = targets
    this.#report = report
  }

  expand(raw: unknown, path: Path, depth: number): unknown {
    const node = isAlias(raw) ? this.#targets.get(raw) : raw
    countNode(++this.#nodes, depth, isAlias(raw) ? (raw.range?.[0] ?? 0) : offsetOf(node))
    if (isScalar(node)) return typeof node.value === 'bigint' ? Number(node.value) : node.value
    if (isSeq(node)) return node.items.map((item, i) => this.expand(item, [...path, i], depth + 1))
    return isMap(node) ? this.#expandMap(node, path, depth) : null
  }

  #expandMap(map: YAMLMap, path: Path, depth: number): Record<string, unknown> {
    const own: Record<string, unknown> = {}
    const lines = new Map<string, Pair>()
    const inherited: Record<string, unknown>[] = []
    const first = !this.#checked.has(map)
    this.#checked.add(map)
    for (const pair of map.items) {
      const key = keyText(pair.key, this.#targets)
      if (key === null || key === '__proto__') {
        if (first) this.#refuseKey(pair, path, key)
      } else if (isMergeKey(pair)) {
        inherited.push(...this.#expandMerge(pair, path, depth))
      } else {
        if (lines.has(key) && first)
          this.#report([...path, key], offsetOf(pair.key), `the key ${key} is there twice`, 'keep one of them')
        lines.set(key, pair)
        own[key] = this.expand(pair.value, [...path, key], depth + 1)
      }
    }
    return inherited.length === 0 ? own : Object.assign({}, ...inherited.reverse(), own)
  }

  #refuseKey(pair: Pair, path: Path, key: string | null): void {
    const message = key === null ? 'a key must be one word or number' : `${key} cannot be a key`
    this.#report(path, pair.key === null ? offsetOf(pair.value) : offsetOf(pair.key), message, 'give it a plain name')
  }

  #expandMerge(pair: Pair, path: Path, depth: number): Record<string, unknown>[] {
    const maps = mergeSources(pair, this.#targets)
    if (maps === null)
      this.#report(path, offsetOf(pair.key), '<< needs a mapping or a list of mappings', 'write <<: *name')
    return (maps ?? []).map((map) => {
      countNode(++this.#nodes, depth + 1, offsetOf(pair.key))
      return this.#expandMap(map, path, depth + 1)
    })
  }
}

function offsetOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0
}

function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.value === '<<' && pair.key.type === Scalar.PLAIN
}

function mergeSources(pair: Pair, targets: Targets): YAMLMap[] | null {
  const resolve = (node: unknown): unknown => (isAlias(node) ? targets.get(node) : node)
  const value = resolve(pair.value)
  const sources = isSeq(value) ? value.items.map(resolve) : [value]
  // An alias without an anchor was reported already.
  const known = sources.filter((source) => source !== undefined)
  return known.every(isMap) ? (known as YAMLMap[]) : null
}

/** Keys are text: a number keeps the form in which it was written. */
function keyText(raw: unknown, targets: Targets): string | null {
  const key = isAlias(raw) ? targets.get(raw) : raw
  if (!isScalar(key) || key.value === null) return null
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
}

interface Found {
  readonly key: Node | null
  readonly node: Node | null
  /** Whether the path leads to a value, not only to one that encloses it. */
  readonly exact: boolean
}

/** The pairs of mappings by key, each mapping indexed when it is first asked for. */
class KeyIndex {
  readonly #maps = new Map<YAMLMap, ReadonlyMap<string, Pair>>()

  pairs(map: YAMLMap, targets: Targets): ReadonlyMap<string, Pair> {
    const known = this.#maps.get(map)
    if (known !== undefined) return known
    const pairs = new Map<string, Pair>()
    for (const pair of map.items) {
      const key = keyText(pair.key, targets)
      if (key !== null && !isMergeKey(pair)) pairs.set(key, pair)
    }
    this.#maps.set(map, pairs)
    return pairs
  }
}

function locate(root: Node | null, path: Path, targets: Targets, index: KeyIndex): Found {
  let found: Found = { key: null, node: root, exact: true }
  for (const part of path) {
    const node = isAlias(found.node) ? (targets.get(found.node) ?? null) : found.node
    const next = typeof part === 'number' ? item(node, part) : entry(node, part, targets, index, 0)
    if (next === null) return { ...found, exact: false }
    found = next
  }
  return isAlias(found.node) ? { ...found, node: targets.get(found.node) ?? found.node } : found
}

function item(node: Node | null, index: number): Found | null {
  if (!isSeq(node)) return null
  const found = node.items[index] as Node | undefined
  return found === undefined ? null : { key: null, node: found, exact: true }
}

function entry(node: Node | null, name: string, targets: Targets, index: KeyIndex, depth: number): Found | null {
  if (!isMap(node) || depth > 32) return null
  const own = index.pairs(node, targets).get(name)
  if (own) return { key: own.key as Node, node: (own.value ?? own.key) as Node, exact: true }
  for (const pair of (node.items as Pair[]).filter(isMergeKey)) {
    for (const map of mergeSources(pair, targets) ?? []) {
      const found = entry(map, name, targets, index, depth + 1)
      if (found) return found
    }
  }
  return null
}

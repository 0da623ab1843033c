/** An image reference in its parts, defaults filled in. */
export interface ImageRef {
  /** `docker.io` when the reference names none; picks the credentials. */
  readonly registry: string
  /** `library/nginx` for `nginx` */
  readonly repository: string
  /** `latest` when there is neither tag nor digest; null with a digest only. */
  readonly tag: string | null
  readonly digest: string | null
}

const DEFAULT_REGISTRY = 'docker.io'
const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d{1,5})?$/
const IPV6_DOMAIN = /^\[[0-9a-fA-F:]+\](?::\d{1,5})?$/
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/

/**
 * Reads an image reference by the grammar of OCI registries. The first part is a registry when it has a dot or a port
 * or is `localhost`, however many parts follow. Returns why it is none as text.
 */
export function parseImageRef(text: string): ImageRef | string {
  const at = text.indexOf('@')
  const digest = at < 0 ? null : text.slice(at + 1)
  if (digest !== null && !DIGEST.test(digest)) return `"${digest}" is not a digest such as sha256:…`
  const name = at < 0 ? text : text.slice(0, at)
  const colon = name.lastIndexOf(':')
  const hasTag = colon > name.lastIndexOf('/')
  const tag = hasTag ? name.slice(colon + 1) : null
  if (tag !== null && !TAG.test(tag)) return `"${tag}" is not a tag: letters, digits, "_", "." and "-", at most 128`
  const { registry, path } = splitRegistry(hasTag ? name.slice(0, colon) : name)
  if (registry !== null && !DOMAIN.test(registry) && !IPV6_DOMAIN.test(registry))
    return `"${registry}" is not a registry`
  const wrong = path.split('/').find((part) => !PATH_PART.test(part))
  if (wrong !== undefined) return wrongPart(wrong)
  if (path.length > 255) return 'the name is longer than 255 characters'
  const host = registry === null || registry === 'index.docker.io' ? DEFAULT_REGISTRY : registry
  const repository = host === DEFAULT_REGISTRY && !path.includes('/') ? `library/${path}` : path
  return { registry: host, repository, tag: tag ?? (digest === null ? 'latest' : null), digest }
}

function splitRegistry(name: string): { registry: string | null; path: string } {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const isRegistry = slash > 0 && (/[.:]/.test(first) || first === 'localhost')
  return isRegistry ? { registry: first, path: name.slice(slash + 1) } : { registry: null, path: name }
}

function wrongPart(part: string): string {
  if (part === '') return 'a part of the name is empty'
  if (part !== part.toLowerCase()) return `"${part}" has capital letters; names of images have none`
  return `"${part}" is not a name: small letters and digits, with ".", "_" or "-" between them`
}

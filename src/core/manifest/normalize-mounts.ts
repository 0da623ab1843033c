import type { Mount } from '../model/service.ts'
import { partPath, type Source } from './fields.ts'
import type { Path } from './path.ts'
import type { Report } from './report.ts'
import type { VolumesForm } from './schema-parts.ts'

const FORMS = 'write /host:/container, name:/container, or either with :ro at the end'
const VOLUME_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/** Mounts from any form; two on the same path are a problem. */
export function normalizeMounts(sources: readonly Source<VolumesForm>[], report: Report): readonly Mount[] {
  const mounts: Mount[] = []
  for (const source of sources) {
    const { value } = source
    for (const [part, entry] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
      const path = partPath(source, part)
      const mount = readMount(Array.isArray(value) ? entry : `${part}:${entry}`, path, report)
      if (mount === null) continue
      if (mounts.some(({ target }) => target === mount.target)) {
        report.problem(path, `two volumes are mounted at ${mount.target}`, 'choose another path in the container')
      } else mounts.push(mount)
    }
  }
  return mounts
}

type VolumeObject = Exclude<Extract<VolumesForm, unknown[]>[number], string>

function readMount(entry: string | VolumeObject, path: Path, report: Report): Mount | null {
  const parsed = typeof entry === 'string' ? splitVolume(entry) : { ...entry, readOnly: entry.read_only ?? false }
  const wrong = typeof parsed === 'string' ? parsed : whyNot(parsed.source, parsed.target)
  if (wrong !== null || typeof parsed === 'string') {
    report.problem(path, `${typeof entry === 'string' ? `"${entry}"` : 'this volume'} ${wrong}`, FORMS)
    return null
  }
  const kind = parsed.source.startsWith('/') ? 'bind' : 'volume'
  return { kind, source: trimSlash(parsed.source), target: trimSlash(parsed.target), readOnly: parsed.readOnly }
}

function splitVolume(text: string): { source: string; target: string; readOnly: boolean } | string {
  const [source, target, mode = 'rw', ...more] = text.split(':')
  if (source === undefined || target === undefined) return 'names no path in the container'
  if (more.length > 0) return 'has too many colons'
  if (mode !== 'ro' && mode !== 'rw') return `ends in :${mode}, which is not supported`
  return { source, target, readOnly: mode === 'ro' }
}

function whyNot(source: string, target: string): string | null {
  if (source === '') return 'names neither a path on the node nor a volume'
  if (/^[.~]/.test(source)) return 'has a relative source; a manifest has no directory of its own'
  if (!source.startsWith('/') && !VOLUME_NAME.test(source))
    return 'has a source that is neither an absolute path nor the name of a volume'
  if (!target.startsWith('/')) return 'has a relative path in the container'
  if ([source, target].some((path) => path.split('/').includes('..'))) return 'has a path with ..'
  return trimSlash(target) === '/' ? 'would cover the root of the container' : null
}

function trimSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') || '/' : path
}

import { AUTHORITY_KEY, CLUSTER_KEY, DESIRED_KEY, keyOf } from '../model/objects.ts'
import { type LifeRecord, objectOf } from './raise.ts'

/**
 * What a state that was read in parts must not lack, or nobody could go on with it: who the cluster is, its certificate
 * authority where it had one, and every service of the desired manifest. Empty: it has all of it.
 */
export function missingParts(records: readonly LifeRecord[], hasAuthority: boolean): readonly string[] {
  const keys = new Set<string>(records.map(({ key }) => key))
  const missing: string[] = [CLUSTER_KEY, ...(hasAuthority ? [AUTHORITY_KEY] : [])].filter((key) => !keys.has(key))
  const number = objectOf(records, DESIRED_KEY)?.revision ?? 0
  // Without the pointer nobody can tell from nothing applied yet, unless a manifest is there.
  if (number === 0) return [...keys].some((key) => key.startsWith('manifest/')) ? [...missing, DESIRED_KEY] : missing
  const manifest = objectOf(records, keyOf('manifest', number))
  if (manifest === null) return [...missing, `manifest/${number}`]
  const specs = manifest.services.map((service) => `spec/${number}/${service}`)
  return [...missing, ...specs.filter((key) => !keys.has(key))]
}

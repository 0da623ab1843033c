import type { ClusterContext } from './cluster-context.ts'
import { setKey } from './edit-file.ts'
import { clustersPath, type KnownContexts } from './find-contexts.ts'

/** Selects a cluster for the commands to come, in the file that names it. Returns the files that were changed. */
export async function selectContext(
  context: ClusterContext,
  known: KnownContexts,
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const own = clustersPath(env)
  if (context.file === own) {
    await setKey(own, 'current', context.name)
    return [own]
  }
  await setKey(context.file, 'selected_cluster', context.name)
  // What our own file selects counts more, so it must agree.
  const hides = known.files.some(({ path, selected }) => path === own && selected !== null)
  if (!hides) return [context.file]
  await setKey(own, 'current', context.name)
  return [context.file, own]
}

import { existsSync } from 'node:fs'
import { type BackendSection, type NodeSettings, settingsText } from '../../core/install/node-settings.ts'
import { replaceFile } from '../../drivers/durable-text.ts'
import type { OwnPlace } from '../managed-etcd/own-place.ts'
import type { StoreOptions } from '../open-store.ts'
import { installPaths } from './paths.ts'
import { readRecord, writeRecord } from './record-file.ts'

/**
 * Tells a node that was installed in this volume where its state is from now on, in its own file and in the journal. Returns
 * the path of the file; null: nothing is installed there, or the place takes settings that its user must write.
 */
export async function tellInstalled(volume: string, place: StoreOptions | OwnPlace): Promise<string | null> {
  const paths = installPaths(volume)
  if (!existsSync(paths.record) || (place.kind !== 'managed-etcd' && place.kind !== 'sqlite')) return null
  const record = readRecord(paths)
  if (record?.state !== 'installed' || record.settings === null) return null
  const { backend: _, node, ...settings } = record.settings
  const { seeds: __, ...rest } = node
  const told: NodeSettings =
    place.kind === 'sqlite'
      ? { ...settings, node: rest }
      : { ...settings, backend: backendOf(place), node: { ...rest, seeds: [...place.options.seeds] } }
  await replaceFile(paths.settings, settingsText(told))
  await writeRecord(paths, { ...record, settings: told })
  return paths.settings
}

function backendOf({ options }: OwnPlace): BackendSection {
  const { seeds, clientPort, peerPort, namespace, program } = options
  return {
    type: 'managed-etcd',
    seeds,
    ...(clientPort !== 2379 && { etcd_client_port: String(clientPort) }),
    ...(peerPort !== 2380 && { etcd_peer_port: String(peerPort) }),
    ...(namespace !== 'gantry' && { namespace }),
    ...(program !== 'etcd' && { etcd_program: program }),
  }
}

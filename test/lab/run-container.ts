import { CLUSTER_LABEL, TASK_LABEL } from '../../src/drivers/docker/labels.ts'
import { BUSYBOX_IMAGE } from '../engine/images.ts'
import type { Host } from './host.ts'

export interface ContainerWish {
  readonly name: string
  readonly command: readonly string[]
  /** Published on every address of the host, under the same number. */
  readonly port?: number
}

/** Starts a container behind Gantry's back, and returns its id. */
export async function runContainer(host: Host, { name, command, port }: ContainerWish): Promise<string> {
  const engine = host.engine.connect()
  const doing = `run container ${name}`
  const ports = port === undefined ? [] : [`${port}/tcp`]
  const body = {
    Image: BUSYBOX_IMAGE,
    Cmd: command,
    Labels: { [CLUSTER_LABEL]: 'c', [TASK_LABEL]: `${name}.1.1`, 'gantry.service': name, 'gantry.slot': '1' },
    ExposedPorts: Object.fromEntries(ports.map((one) => [one, {}])),
    HostConfig: { PortBindings: Object.fromEntries(ports.map((one) => [one, [{ HostPort: String(port) }]])) },
  }
  try {
    const { body: made } = await engine.call({
      method: 'POST',
      path: '/containers/create',
      query: { name },
      body,
      doing,
    })
    const { Id: id } = made as { Id: string }
    await engine.call({ method: 'POST', path: `/containers/${id}/start`, doing })
    return id
  } finally {
    engine.close()
  }
}

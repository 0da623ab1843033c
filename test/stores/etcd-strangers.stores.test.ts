import { connect as connectPlain, type Socket } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { writeStoreCredentials } from '../../src/drivers/etcd/store-files.ts'
import { newClusterKey } from '../../src/drivers/pki/seal.ts'
import { storeAuthority } from '../../src/drivers/pki/store-authority.ts'
import { etcdTests } from './etcd-tests.ts'
import { aDirectory, managedEtcd, openStore } from './managed-etcd.ts'

const RANGE = 'POST /v3/kv/range HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\n\r\n{"key":"AA=="}'
const MEMBERS = 'GET /members HTTP/1.1\r\nhost: x\r\n\r\n'

/** All that is heard after these bytes until the other end closes, or says no more for a second. */
async function heardAt(socket: Socket, bytes: string | Buffer): Promise<string> {
  let heard = ''
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  socket.on('data', (data) => {
    heard += data
  })
  socket.write(bytes)
  socket.setTimeout(1_000, () => socket.destroy())
  await new Promise((resolve) => socket.once('close', resolve))
  return heard
}

etcdTests(() => {
  test('the ports of a managed etcd serve nobody without a certificate of the store’s authority', async () => {
    const { setting, tls, address } = await managedEtcd()
    const store = await openStore(address, tls)
    const others = await writeStoreCredentials(
      aDirectory(),
      await storeAuthority(newClusterKey()),
      '127.0.0.1',
      Date.now(),
    )
    const host = '127.0.0.1'
    const own = { key: tls.key, cert: tls.cert }
    for (const port of [setting.clientPort, setting.peerPort]) {
      const said = port === setting.clientPort ? RANGE : MEMBERS
      const over = (options: ConnectionOptions) =>
        heardAt(connect({ ...options, host, port, rejectUnauthorized: false }), said)
      expect(await over({})).toBe('')
      expect(await over({ key: others.key, cert: others.cert })).toBe('')
      expect(await heardAt(connectPlain(port, host), said)).not.toContain('200 OK')
      expect(await heardAt(connectPlain(port, host), Buffer.alloc(100_000, 0xa5))).not.toContain('200 OK')
      // Who has one is served: the questions are right.
      expect(await over(own)).toContain('200 OK')
    }
    expect((await store.load()).revision).toBe(0)
    await store.close()
  })
})

import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEngineAddress } from '../../src/drivers/docker/address.ts'
import { EngineConnection } from '../../src/drivers/docker/connection.ts'
import type { TestEngine } from './engine.ts'
import { buildImage, busyboxTree, copyProgram, NGINX_IMAGE } from './images.ts'

/** The real redis, under the name that manifests use. */
export const REDIS_IMAGE = 'redis:7-alpine'

/** Names in manifests for which no server is at hand: what stands in tells what it was given, over HTTP. */
const TELLERS = [
  'ghcr.io/example/quotes:2.4.0',
  'registry.example.org:5000/gateway:3',
  'ghcr.io/example/catalogue:12',
  'ghcr.io/example/mailer:1',
  'alpine:3.20',
]
const POSTGRES_IMAGES = ['postgres:15-alpine', 'postgres:16-alpine']
const NGINX_NAMES = ['nginx:1.27-alpine']

const SYSTEM_POSTGRES = '/usr/lib/postgresql'
const PATH = 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Tells its arguments, variables and mounts at `/argv`, `/env` and `/mounts`, and `/` and `/healthz` that it is well. */
const TELLER = `#!/bin/sh
mkdir -p /tmp/www
printf '%s\\n' "$0" "$@" >/tmp/www/argv
env >/tmp/www/env
cat /proc/mounts >/tmp/www/mounts
echo ok | tee /tmp/www/healthz >/tmp/www/index.html
echo "started as $0 $*"
for port in 80 8443 9000; do httpd -p $port -h /tmp/www; done
trap 'exit 0' TERM
while :; do sleep 1000 & wait $!; done
`

const POSTGRES = `#!/bin/sh
set -e
data=/var/lib/postgresql/data
user=\${POSTGRES_USER:-postgres}
mkdir -p $data
chown postgres:postgres $data
chmod 700 $data
as_postgres() { su -s /bin/sh postgres -c "$1"; }
if [ ! -s $data/PG_VERSION ]; then
  as_postgres "initdb -D $data -U $user --auth=trust --no-locale --encoding=UTF8 --no-sync"
  echo 'host all all all trust' >>$data/pg_hba.conf
  if [ -n "$POSTGRES_DB" ]; then echo "CREATE DATABASE $POSTGRES_DB" | as_postgres "postgres --single -D $data postgres"; fi
fi
exec su -s /bin/sh postgres -c "exec postgres -D $data -c 'listen_addresses=*'"
`

/** Makes stand-ins for the images that the examples name. Does nothing where they are there already. */
export async function buildStandIns(engine: TestEngine): Promise<void> {
  const raw = new EngineConnection(parseEngineAddress(engine.host))
  try {
    const { status } = await raw.call({
      method: 'GET',
      path: `/images/${REDIS_IMAGE}/json`,
      accept: [404],
      doing: 'look for the stand-ins',
    })
    if (status === 200) return
    const [teller = ''] = TELLERS
    const settings = ['CMD ["/usr/local/bin/serve"]', PATH]
    await buildImage(engine.socket, engine.directory, { name: teller, settings, fill: tellerTree })
    await buildPostgres(engine)
    await buildRedis(engine)
    for (const [image = '', ...names] of [TELLERS, POSTGRES_IMAGES, [NGINX_IMAGE, ...NGINX_NAMES]]) {
      for (const name of names) await tag(raw, image, name)
    }
  } finally {
    raw.close()
  }
}

async function tag(raw: EngineConnection, image: string, name: string): Promise<void> {
  const colon = name.lastIndexOf(':')
  const query = { repo: name.slice(0, colon), tag: name.slice(colon + 1) }
  await raw.call({ method: 'POST', path: `/images/${image}/tag`, query, doing: `name ${name}` })
}

async function tellerTree(root: string): Promise<void> {
  await busyboxTree(root)
  script(root, 'usr/local/bin/serve', TELLER)
  symlinkSync('usr/local/bin/serve', join(root, 'gateway'))
}

/** The real server where this machine has it. */
async function buildPostgres(engine: TestEngine): Promise<void> {
  const home = postgresHome()
  const [name = ''] = POSTGRES_IMAGES
  const settings = [
    `ENV PATH=${home ?? ''}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    'ENTRYPOINT ["/usr/local/bin/start-postgres"]',
    'STOPSIGNAL SIGINT',
  ]
  await buildImage(engine.socket, engine.directory, {
    name,
    settings,
    fill: (root) => (home === null ? postgresTellerTree(root) : postgresTree(root, home)),
  })
}

/** Directory of the newest PostgreSQL that this machine has; null when it has none. */
export function postgresHome(): string | null {
  if (!existsSync(SYSTEM_POSTGRES)) return null
  const homes = readdirSync(SYSTEM_POSTGRES).map((version) => join(SYSTEM_POSTGRES, version))
  return homes.filter((home) => existsSync(join(home, 'bin/postgres'))).at(-1) ?? null
}

async function postgresTellerTree(root: string): Promise<void> {
  await tellerTree(root)
  script(root, 'usr/local/bin/start-postgres', TELLER)
  script(root, 'usr/local/bin/pg_isready', '#!/bin/sh\nwget -q -O /dev/null http://127.0.0.1/\n')
}

async function postgresTree(root: string, home: string): Promise<void> {
  await busyboxTree(root)
  for (const name of ['postgres', 'initdb', 'pg_isready', 'psql']) await copyProgram(root, join(home, 'bin', name))
  for (const name of ['plpgsql.so', 'dict_snowball.so']) await copyProgram(root, join(home, 'lib', name))
  const share = join('usr/share/postgresql', home.slice(SYSTEM_POSTGRES.length + 1))
  cpSync(join('/', share), join(root, share), { recursive: true })
  for (const path of ['var/run/postgresql', 'var/lib/postgresql']) {
    mkdirSync(join(root, path), { recursive: true })
    chmodSync(join(root, path), 0o777)
  }
  account(root, 'postgres', 70)
  script(root, 'usr/local/bin/start-postgres', POSTGRES)
}

async function buildRedis(engine: TestEngine): Promise<void> {
  await buildImage(engine.socket, engine.directory, {
    name: REDIS_IMAGE,
    settings: [PATH, 'WORKDIR /data', 'CMD ["redis-server", "--protected-mode", "no"]'],
    fill: async (root) => {
      await busyboxTree(root)
      // One program under several names: what it does follows from the name that it is called by.
      for (const program of ['/usr/bin/redis-check-rdb', '/usr/bin/redis-cli']) await copyProgram(root, program)
      renameSync(join(root, 'usr/bin/redis-check-rdb'), join(root, 'usr/bin/redis-server'))
    },
  })
}

function account(root: string, name: string, id: number): void {
  writeFileSync(join(root, 'etc/passwd'), `${name}:x:${id}:${id}::/:/bin/sh\n`, { flag: 'a' })
  writeFileSync(join(root, 'etc/group'), `${name}:x:${id}:\n`, { flag: 'a' })
}

function script(root: string, path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), text, { mode: 0o755 })
}

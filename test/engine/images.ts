import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { runProgram } from './run-program.ts'

export const BUSYBOX_IMAGE = 'gantry-test/busybox:1'
export const NGINX_IMAGE = 'nginx:alpine'

const BUSYBOX = '/bin/busybox'
const NGINX = '/usr/sbin/nginx'

const NGINX_CONF = `user nobody;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 256; }
http {
  access_log /dev/stdout;
  types { text/html html; text/css css; application/javascript js; }
  default_type application/octet-stream;
  include /etc/nginx/conf.d/*.conf;
}
`
const DEFAULT_CONF = `server {
  listen 80;
  location / { root /usr/share/nginx/html; index index.html; }
}
`
const WELCOME =
  '<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head><body>Welcome to nginx!</body></html>\n'

/**
 * Makes the images of the tests from programs of this machine, as no registry can be reached: busybox, and the real
 * nginx under the name that manifests use.
 */
export async function buildImages(socket: string, workDirectory: string): Promise<void> {
  await buildImage(socket, workDirectory, {
    name: BUSYBOX_IMAGE,
    settings: ['CMD ["sh"]', 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'ENV FROM_IMAGE=yes'],
    fill: busyboxTree,
  })
  if (!existsSync(NGINX)) return
  await buildImage(socket, workDirectory, {
    name: NGINX_IMAGE,
    settings: [
      'CMD ["nginx", "-g", "daemon off;"]',
      'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'EXPOSE 80',
      'STOPSIGNAL SIGQUIT',
    ],
    fill: nginxTree,
  })
}

interface ImageSource {
  readonly name: string
  /** Lines of its Dockerfile. */
  readonly settings: readonly string[]
  readonly fill: (root: string) => Promise<void>
}

/** Builds one image in the engine, from a directory that its source fills. */
export async function buildImage(
  socket: string,
  workDirectory: string,
  { name, settings, fill }: ImageSource,
): Promise<void> {
  const context = mkdtempSync(join(workDirectory, 'image-'))
  try {
    await fill(join(context, 'root'))
    writeFileSync(join(context, 'Dockerfile'), ['FROM scratch', 'COPY root /', ...settings, ''].join('\n'))
    const words = ['-c', '--owner=0', '--group=0', '-C', context, '.']
    const tar = spawn('tar', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    await postContext(socket, name, tar.stdout)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

async function postContext(socket: string, name: string, context: Readable): Promise<void> {
  const path = `/build?${new URLSearchParams({ t: name })}`
  const headers = { 'Content-Type': 'application/x-tar' }
  const asked = request({
    socketPath: socket,
    method: 'POST',
    path,
    headers,
    agent: false,
    signal: AbortSignal.timeout(120_000),
  })
  const answered = once(asked, 'response')
  // An engine that refuses does not read on; the writer must not wait for it.
  asked.once('response', () => context.unpipe(asked).destroy())
  context.pipe(asked)
  const [response] = (await answered) as [IncomingMessage]
  const answer = await text(response)
  if (response.statusCode !== 200 || answer.includes('"error"')) throw new Error(`cannot build ${name}: ${answer}`)
}

/** busybox with a name for each of its programs, and what any program expects of a system. */
export async function busyboxTree(root: string): Promise<void> {
  for (const path of ['bin', 'etc', 'tmp', 'run', 'dev', 'proc', 'sys', 'root', 'var/log']) {
    mkdirSync(join(root, path), { recursive: true })
  }
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'))
  for (const name of (await runProgram([BUSYBOX, '--list'])).split('\n')) {
    if (name !== '' && name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name))
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\nnobody:x:65534:\n')
}

async function nginxTree(root: string): Promise<void> {
  await busyboxTree(root)
  await copyProgram(root, NGINX)
  for (const path of [
    'etc/nginx/conf.d',
    'usr/share/nginx/html',
    'var/lib/nginx',
    'var/log/nginx',
    'var/cache/nginx',
  ]) {
    mkdirSync(join(root, path), { recursive: true })
  }
  writeFileSync(join(root, 'etc/nginx/nginx.conf'), NGINX_CONF)
  writeFileSync(join(root, 'etc/nginx/conf.d/default.conf'), DEFAULT_CONF)
  writeFileSync(join(root, 'usr/share/nginx/html/index.html'), WELCOME)
}

/** Copies a program and the shared libraries that it is linked with. */
export async function copyProgram(root: string, program: string): Promise<void> {
  const linked = [...(await runProgram(['ldd', program])).matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(
    ([, path = '']) => path,
  )
  for (const path of [program, ...linked]) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    copyFileSync(path, join(root, path))
  }
}

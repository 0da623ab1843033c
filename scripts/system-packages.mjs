// The system packages that the tests of engines, stores and several hosts need.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'

const NEEDED = [
  { package: 'docker.io', file: '/usr/sbin/dockerd' },
  { package: 'busybox-static', file: '/bin/busybox' },
  { package: 'nginx-light', file: '/usr/sbin/nginx' },
  { package: 'docker-registry', file: '/usr/bin/docker-registry' },
  { package: 'apache2-utils', file: '/usr/bin/htpasswd' },
  { package: 'iptables', file: '/usr/sbin/iptables' },
  { package: 'redis-tools', file: '/usr/bin/redis-check-rdb' },
  { package: 'default-jre-headless', file: '/usr/bin/java' },
  // Without the daemon: the tests start servers of their own.
  { package: 'zookeeper', file: '/usr/share/java/zookeeper.jar' },
  { package: 'etcd-server', file: '/usr/bin/etcd' },
  { package: 'openssl', file: '/usr/bin/openssl' },
  { package: 'util-linux', file: '/usr/bin/nsenter' },
  { package: 'iproute2', file: '/sbin/ip' },
  { package: 'nftables', file: '/usr/sbin/nft' },
  // Not to run this machine: the tests boot it as the first process of namespaces.
  { package: 'systemd', file: '/usr/bin/systemd-analyze' },
  { package: 'strace', file: '/usr/bin/strace' },
  { package: 'libfaketime', file: `/usr/lib/${libraries()}/faketime/libfaketimeMT.so.1` },
]

/** Asked by Debian before it starts a service; 101: no. */
const POLICY = '/usr/sbin/policy-rc.d'

/** Installs what is missing as root on Debian; elsewhere names the command. Never fails: the tests say what they miss. */
export function installSystemPackages() {
  const missing = NEEDED.filter(({ file }) => !existsSync(file)).map((entry) => entry.package)
  if (missing.length === 0) return
  const command = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing]
  const debian = existsSync('/etc/debian_version')
  if (!debian || process.getuid?.() !== 0) {
    const how = debian ? `sudo ${command.join(' ')}` : `install ${missing.join(', ')} with your package manager`
    process.stderr.write(
      `Missing for the tests of engines, stores and hosts: ${missing.join(', ')}. To enable them: ${how}\n`,
    )
    return
  }
  process.stderr.write(`Installing ${missing.join(', ')} ...\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', ['update', '-q'], { stdio: ['ignore', 'ignore', 'inherit'], env })
  withoutServices(() => spawnSync(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'], env }))
}

/** Where Debian keeps the libraries of this machine's kind of processor. */
function libraries() {
  return process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
}

/** Keeps Debian from starting the services that it installs: the tests start their own, with data of their own. */
function withoutServices(install) {
  if (existsSync(POLICY)) {
    install()
    return
  }
  // Ctrl-C reaches the installer; the policy must not outlive it.
  const wait = () => undefined
  process.on('SIGINT', wait)
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    install()
  } finally {
    rmSync(POLICY, { force: true })
    process.off('SIGINT', wait)
  }
}

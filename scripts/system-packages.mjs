// The system packages that the engine tests need.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const NEEDED = [
  { package: 'docker.io', file: '/usr/sbin/dockerd' },
  { package: 'busybox-static', file: '/bin/busybox' },
  { package: 'nginx-light', file: '/usr/sbin/nginx' },
  { package: 'docker-registry', file: '/usr/bin/docker-registry' },
  { package: 'apache2-utils', file: '/usr/bin/htpasswd' },
  { package: 'iptables', file: '/usr/sbin/iptables' },
  { package: 'redis-tools', file: '/usr/bin/redis-check-rdb' },
]

/** Installs what is missing as root on Debian; elsewhere names the command. Never fails: the tests say what they miss. */
export function installSystemPackages() {
  const missing = NEEDED.filter(({ file }) => !existsSync(file)).map((entry) => entry.package)
  if (missing.length === 0) return
  const command = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing]
  const debian = existsSync('/etc/debian_version')
  if (!debian || process.getuid?.() !== 0) {
    const how = debian ? `sudo ${command.join(' ')}` : `install ${missing.join(', ')} with your package manager`
    process.stderr.write(`Missing for the engine tests: ${missing.join(', ')}. To enable them: ${how}\n`)
    return
  }
  process.stderr.write(`Installing ${missing.join(', ')} ...\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', ['update', '-q'], { stdio: ['ignore', 'ignore', 'inherit'], env })
  spawnSync(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'], env })
}

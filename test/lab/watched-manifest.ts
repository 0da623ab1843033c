import { BUSYBOX_IMAGE } from '../engine/images.ts'

export const WEB_REPLICAS = 8

/** Whether a service is the same in every version of the manifest. */
export function isUnwritten(service: string): boolean {
  return service === 'web' || service === 'only'
}

/**
 * What runs in a watched cluster. `web` and `only` are the same in every version: no fault of a server may touch them. `ledger` runs
 * nothing and only carries the number; `tide` runs one to three.
 */
export const WATCHED_MANIFEST = (number: number): string => `services:
  web:
    image: ${BUSYBOX_IMAGE}
    replicas: ${WEB_REPLICAS}
    command: [httpd, -f, -p, "8000", -h, /etc]
    stop_signal: SIGKILL
    health_check: { type: tcp, port: 8000, interval: 1, timeout: 2, retries: 3 }
  only:
    image: ${BUSYBOX_IMAGE}
    exclusive: true
    command: [sleep, "100000"]
    stop_signal: SIGKILL
  tide:
    image: ${BUSYBOX_IMAGE}
    replicas: ${1 + (number % 3)}
    command: [sleep, "100000"]
    stop_signal: SIGKILL
  ledger:
    image: ${BUSYBOX_IMAGE}
    replicas: 0
    command: [sleep, "100000"]
    env: { NUMBER: "${number}" }
`

import { nextSignal } from '../foreground.ts'
import { type Installed, type InstallOptions, install } from './install.ts'

export type InstallOutcome =
  | { readonly kind: 'installed'; readonly installed: Installed }
  | { readonly kind: 'interrupted'; readonly exitCode: number }

const EXIT_CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 }

/** Installs, and takes everything back when a signal comes before it is done. */
export async function installUntilSignal(options: InstallOptions): Promise<InstallOutcome> {
  const ending = new AbortController()
  let signalled: string | null = null
  void nextSignal().then((name) => {
    signalled = name
    ending.abort(new Error(`${name} came`))
  })
  try {
    return { kind: 'installed', installed: await install(options, ending.signal) }
  } catch (error) {
    if (signalled === null || error !== ending.signal.reason) throw error
    return { kind: 'interrupted', exitCode: EXIT_CODES[signalled] ?? 1 }
  }
}

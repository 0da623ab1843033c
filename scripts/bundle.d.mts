import type { Plugin } from 'esbuild'

export declare function bundle(entry: string, outfile: string, plugins?: readonly Plugin[]): Promise<void>

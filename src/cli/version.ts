declare const GANTRY_VERSION: string | undefined

/** Version of this program; the build sets it. */
export const VERSION = typeof GANTRY_VERSION === 'string' ? GANTRY_VERSION : '0.0.0-source'

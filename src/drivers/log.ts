import pino from 'pino'
import type { Log, LogLevel } from '../ports/log.ts'

export interface LogOptions {
  /** Messages below this level are dropped. */
  readonly level: LogLevel
  /** Where lines go, each with its end; null: standard error. */
  readonly destination: { write(line: string): void } | null
  /** Lines for people instead of JSON. */
  readonly pretty: boolean
}

/**
 * Writes one line per message, at once, so that nothing is lost when the process dies. An Error in a field is printed
 * with its code, message and stack. Nothing is redacted: callers never pass a secret.
 */
export function createLog({ level, destination, pretty }: LogOptions): Log {
  const sink = destination ?? pino.destination({ dest: 2, sync: true })
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.errWithCause, cause: pino.stdSerializers.errWithCause },
      messageKey: 'message',
    },
    pretty ? { write: (line) => sink.write(prettyLine(line)) } : sink,
  )
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  }
}

/** `12:00:00.000 warn  message  key=value`; values are JSON, so no control character reaches the terminal. */
function prettyLine(line: string): string {
  const { time, level, message, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return `${[String(time).slice(11, 23), String(level).padEnd(5), String(message), ...rest].join(' ')}\n`
}

/**
 * What a log line holds, and what it must never hold: the secret, a token, a connection string, or anything
 * of a person or a debt. So nothing is logged as it came: no URL, no row, no payload, and of an error only
 * what describeError gives.
 */
import { hash, hkdfSync } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import pino, { type DestinationStream, type Logger } from 'pino'

export type Log = Logger

// Beyond this many characters that standard output did not take (a full disk, a stuck collector), lines are
// dropped: a log must not take the memory that calls need.
const MOST_UNWRITTEN = 4 * 1024 * 1024

/** So many bytes are gathered before they are written, for so long at most. */
const GATHER_BYTES = 4096
const GATHER_MS = 100
/** What cannot be written within this time at the end is lost. */
const LAST_WRITE_MS = 1000

/** JSON lines on standard output, written behind the calls' back: a slow reader does not slow an answer. */
export function createLog(level: string): { log: Log; close: () => Promise<void> } {
  const output = pino.destination({
    dest: 1,
    sync: false,
    minLength: GATHER_BYTES,
    maxLength: MOST_UNWRITTEN,
    periodicFlush: GATHER_MS,
  })
  // Without a listener a full disk would end the process.
  output.on('error', () => {})
  const log = logTo(output, level)
  return {
    log,
    async close() {
      log.level = 'silent'
      // Not flushSync, which tries again and again where there is no room, and lets nobody else act.
      const ended = once(output, 'close').catch(() => {})
      output.end()
      await Promise.race([ended, pause(LAST_WRITE_MS)])
      // Or pino would flush once more when the process ends.
      output.destroy()
    },
  }
}

export function logTo(output: DestinationStream, level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  )
}

/**
 * Names an account in the log: the same account has the same name, and nobody without the key can tell
 * which one it is.
 */
export function accountNamer(secret: string): (externalId: string) => string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'tratta-jit account in the log', 32)).toString('hex')
  // The key has a fixed length and the name is cut, so this needs no HMAC, which costs six times as much.
  return (externalId) => hash('sha256', key + externalId, 'base64url').slice(0, 16)
}

export interface ErrorDescription {
  type: string
  /** A SQLSTATE, or the name of a system error. */
  code?: string
  message?: string
  /** Where in the code, without the message. */
  stack?: string[]
}

/** Postgres's classes whose messages speak of connections, rights and names, never of a value. */
const SPEAKS_OF_NO_VALUE = /^(08|28|3D|3F|42|53|55|57)/

/** What may be said of an error, to a log or to a person. */
export function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error }
  const code = (error as { code?: unknown }).code
  const type = error.constructor.name
  if (typeof code === 'string') {
    const isSqlState = /^[0-9A-Z]{5}$/.test(code)
    return isSqlState && SPEAKS_OF_NO_VALUE.test(code)
      ? { type, code, message: error.message }
      : { type, code }
  }
  const stack = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []
  return { type, stack: stack.slice(0, 8).map((line) => line.trim()) }
}

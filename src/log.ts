/**
 * What a log line holds, and what it must never hold: the secret, a token, a connection string, or anything
 * of a person or a debt. So nothing is logged as it came: no URL, no row, no payload, and of an error only
 * what describeError gives.
 */
import { hash, hkdfSync } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
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
export function pseudonymizer(secret: string): (externalId: string) => string {
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

/** Our own words for a SQLSTATE, by code or by class: Postgres's messages can hold values of rows. */
const SQLSTATE_MEANINGS: Record<string, string> = {
  '08': 'the connection failed',
  '21': 'a subquery returned more than one row',
  '22': 'a value cannot be converted',
  '22003': 'a number is out of range',
  '22007': 'a text is not a valid date',
  '22008': 'a date is out of range',
  '22012': 'division by zero',
  '22021': 'a text is not valid in the encoding of the database',
  '22P02': 'a text cannot be cast to another type',
  '22P05': 'a character cannot be converted to another encoding',
  '23': 'a constraint does not hold',
  '25': 'the transaction does not allow it',
  '25006': 'the server is read-only',
  '26': 'a prepared statement does not exist',
  '28': 'Postgres rejects the user or the password',
  '3D': 'the database does not exist',
  '3F': 'a schema does not exist',
  '40': 'a conflict with another transaction',
  '42': 'a statement cannot be executed',
  '42501': 'permission denied',
  '42703': 'a column does not exist',
  '42704': 'a type does not exist',
  '42804': 'types do not match',
  '42883': 'a function does not exist',
  '42P01': 'a table or view does not exist',
  '53': 'the server has no resources left',
  '53300': 'the server has no connection left',
  '54': 'a limit of Postgres is exceeded',
  '55': 'an object is in use or not ready',
  '55P03': 'a lock is not available',
  '57': 'the server was stopped or the statement was canceled',
  '57014': 'the statement was canceled',
  '57P03': 'the server does not accept connections yet',
  '58': 'the server has a system error',
  HV: 'a foreign server failed',
  P0: 'a function raised an exception',
  XX: 'an internal error of Postgres',
}

export const sqlStateMeaning = (code: string) =>
  SQLSTATE_MEANINGS[code] ?? SQLSTATE_MEANINGS[code.slice(0, 2)] ?? 'Postgres returned an error'

/**
 * What may be logged or shown of an error. Never a message of Postgres, nor the names in its fields: a function
 * can put any value there.
 */
export function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error }
  const type = error.constructor.name
  if (error instanceof pg.DatabaseError && error.code !== undefined)
    return { type, code: error.code, message: sqlStateMeaning(error.code) }
  const code = (error as { code?: unknown }).code
  // Ours: UnreadableRelationsError.
  if (code === '42P17') return { type, code, message: error.message }
  if (typeof code === 'string') return { type, code }
  const stack = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []
  return { type, stack: stack.slice(0, 8).map((line) => line.trim()) }
}

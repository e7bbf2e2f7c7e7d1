/** Messages and remedies for connection errors of Postgres, the same in every command. */
import pg from 'pg'
import { DatabaseBusyError, DeadlineExceededError } from './database-errors.ts'

export interface DatabaseProblem {
  /** A sentence without a period at its end. It never contains a part of DATABASE_URL. */
  message: string
  /** The next step. */
  remedy: string
  /** The same attempt can succeed later without a change of settings. */
  isTransient: boolean
}

type Entry = [pattern: RegExp, message: string, remedy: string, isTransient?: boolean]

const ENCODE = 'Percent-encode #, /, ?, @ and % in it'
const TRUST =
  'Name the file with the certificate of its authority: sslmode=verify-full&sslrootcert=FILE in DATABASE_URL'

/** By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). The first match counts. */
const BY_SQLSTATE: Entry[] = [
  [
    /^28P01$/,
    'Postgres rejects the user or the password',
    `Check the user and the password in DATABASE_URL. ${ENCODE}`,
  ],
  [
    /^28/,
    'Postgres does not allow this user, host or database to connect, or not without TLS',
    "Check the user in DATABASE_URL and Postgres's pg_hba.conf; if it demands TLS, add sslmode=verify-full and sslrootcert",
  ],
  [
    /^3D000$/,
    'the database that DATABASE_URL names does not exist',
    'Correct its name in DATABASE_URL, or create it: createdb NAME',
  ],
  [
    /^53300$/,
    'Postgres has no connection left',
    'Lower DATABASE_POOL_SIZE, or raise max_connections or the connection limit of the role',
    true,
  ],
  [
    /^53/,
    'Postgres has not enough memory, disk or connections',
    'Free resources on the database server',
    true,
  ],
  [
    /^25006$/,
    'Postgres is read-only (a standby, or default_transaction_read_only)',
    'Point DATABASE_URL at the primary',
  ],
  [
    /^42501$/,
    'this user does not have the privilege',
    'Grant what docs/data.md lists, or run `tratta-jit migrate` as a user who may create the schema and serve with --no-migrate',
  ],
  [
    /^57014$/,
    'the statement was canceled, by statement_timeout or by an operator',
    'Find what blocks it in pg_stat_activity, and run it again',
  ],
  [/^57P03$/, 'Postgres is starting or stopping', 'Wait until it accepts connections', true],
  [/^57P/, 'Postgres ended the connection', 'Run it again', true],
  [
    /^08P01$/,
    'the server rejects the connection: it is not Postgres, or a pooler does not know this database',
    'Check host, port and database in DATABASE_URL',
  ],
  [/^08/, 'the connection to Postgres failed', 'Check that Postgres is running and reachable', true],
]

/** By the error code of Node's network, TLS and file errors. */
const BY_CODE: Entry[] = [
  [
    /^(ENOTFOUND|EAI_)/,
    'the host name in DATABASE_URL cannot be resolved',
    `Check the host in DATABASE_URL and the DNS of this machine. If the password has special characters: ${ENCODE}`,
    true,
  ],
  [
    /^ECONNREFUSED$/,
    'nothing accepts connections at the host and port in DATABASE_URL (ECONNREFUSED)',
    'Check the host and the port, and that Postgres is running',
    true,
  ],
  [
    /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN)$/,
    'the host in DATABASE_URL does not answer',
    'Check the host and the port, and that a firewall lets this machine reach it',
    true,
  ],
  [
    /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    'the TLS certificate of Postgres has expired or is not valid yet',
    'Renew the certificate of the server, and check the clocks',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'the TLS certificate of Postgres is for another host name',
    'Use the host name of the certificate in DATABASE_URL',
  ],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|INVALID_CA|HOSTNAME_MISMATCH)/,
    'the TLS certificate of Postgres is not trusted',
    TRUST,
  ],
  [
    /^ERR_(SSL|OSSL)|^EPROTO$/,
    'the TLS handshake with Postgres failed',
    'Check the TLS files that DATABASE_URL names and the TLS versions of the server',
  ],
  [
    /^(ENOENT|EACCES|EISDIR|EPERM|ENOTDIR)$/,
    'a file that DATABASE_URL names cannot be read (sslrootcert, sslcert or sslkey, or a Unix socket)',
    'Correct its path or its permissions',
  ],
  [
    /^(ECONNRESET|EPIPE|ECONNABORTED|EADDRNOTAVAIL|EMFILE)$/,
    'the connection to Postgres broke',
    'Check that Postgres is running and reachable',
    true,
  ],
]

/** Errors of the driver that have no code. */
const BY_MESSAGE: Entry[] = [
  [
    /client password must be a (non-empty )?string|password.*(required|not (given|supplied))/i,
    'Postgres asks for a password and DATABASE_URL has none',
    'Add the password: postgres://user:password@host:port/database',
  ],
  [
    /server does not support SSL/,
    'Postgres does not offer TLS',
    'Turn ssl on at the server, or for a server on a private network only: sslmode=disable',
  ],
  [
    /error establishing an SSL connection/,
    'the TLS handshake with Postgres failed',
    'Check that host and port in DATABASE_URL are those of Postgres',
  ],
  [
    /^(timeout expired|timeout exceeded|connection timed? ?out|Connection terminated due to connection timeout)/i,
    'Postgres does not answer in time',
    'Check that it is running, and that a firewall lets this machine reach it',
    true,
  ],
  [
    /^Query read timeout/,
    'Postgres does not answer in time',
    'Find what blocks it in pg_stat_activity',
    true,
  ],
  [
    /^(Connection terminated|Client has encountered|Client was closed)/,
    'the connection to Postgres broke',
    'Check that Postgres is running and reachable',
    true,
  ],
  [
    /^SASL|^Received unexpected|^Unknown authenticationOk/i,
    'Postgres and this program do not agree on a way to log in',
    'Set the password of the user again with password_encryption = scram-sha-256',
  ],
  [
    /PEM|asn1|bad (base64|end line)|no start line/i,
    'a TLS file that DATABASE_URL names is not a PEM file',
    'Name a PEM file in sslrootcert, sslcert and sslkey',
  ],
  [
    /^(Invalid URL|URI malformed|sslnegotiation|Invalid sslnegotiation|Invalid port)/i,
    'DATABASE_URL is not valid',
    'Write it as postgres://user:password@host:port/database',
  ],
]

const NO_ANSWER: DatabaseProblem = {
  message: 'Postgres does not answer in time',
  remedy:
    'Check that it is running and that this machine reaches it; find what blocks it in pg_stat_activity',
  isTransient: true,
}

/** @returns undefined for an error that neither Postgres nor the connection to it caused */
export function databaseProblem(error: unknown): DatabaseProblem | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof DatabaseBusyError || error instanceof DeadlineExceededError) return NO_ANSWER
  if (error instanceof AggregateError && error.errors.length > 0) return databaseProblem(error.errors[0])
  const code = (error as NodeJS.ErrnoException).code
  const found =
    error instanceof pg.DatabaseError
      ? (find(BY_SQLSTATE, code ?? '') ?? otherSqlState(code))
      : ((code === undefined ? undefined : find(BY_CODE, code)) ?? find(BY_MESSAGE, error.message))
  return found ?? (error.cause === undefined ? undefined : databaseProblem(error.cause))
}

/**
 * One line without a period at its end: why the database cannot be used, and the next step.
 * @returns undefined when the database did not cause the error
 */
export function databaseMessage(error: unknown): string | undefined {
  const problem = databaseProblem(error)
  return problem && `The database cannot be used: ${problem.message}. ${problem.remedy}`
}

const otherSqlState = (code: string | undefined): DatabaseProblem => ({
  message: `Postgres reports an error (SQLSTATE ${code ?? 'unknown'})`,
  remedy: 'Run `tratta-jit check`, and see the log of Postgres',
  isTransient: false,
})

function find(entries: Entry[], text: string): DatabaseProblem | undefined {
  const entry = entries.find(([pattern]) => pattern.test(text))
  return entry && { message: entry[1], remedy: entry[2], isTransient: entry[3] ?? false }
}

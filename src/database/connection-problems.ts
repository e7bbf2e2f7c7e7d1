/**
 * What is wrong when Postgres cannot be used, and the next step: sentences without a period at their end. No
 * sentence contains a part of DATABASE_URL.
 */

/** `isTransient`: the same attempt can succeed later without a change of settings. */
export type Entry = [pattern: RegExp, problem: string, remedy: string, isTransient?: boolean]

const ENCODE = 'Percent-encode #, /, ?, @ and % in it'
const TRUST =
  'Name the file with the certificate of its authority: sslmode=verify-full&sslrootcert=FILE in DATABASE_URL'

/** By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). The first match counts. */
export const BY_SQLSTATE: readonly Entry[] = [
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
export const BY_CODE: readonly Entry[] = [
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
export const BY_MESSAGE: readonly Entry[] = [
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

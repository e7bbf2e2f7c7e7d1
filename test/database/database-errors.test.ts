/** The classification of errors of Postgres and of the driver. */
import pg from 'pg'
import t from 'tap'
import { databaseError, userFacing } from '../../src/database/connection-errors.ts'
import {
  AmbiguousAccountError,
  connectionError,
  DatabaseBusyError,
  DatabaseUnavailableError,
  DeadlineExceededError,
  endsConnection,
  isCausedByRow,
  isUnusableStatement,
  QueryError,
  queryError,
  sqlState,
  UnreadableAccountError,
} from '../../src/database/database-errors.ts'
import { UserFacingError } from '../../src/user-facing-error.ts'

const NAME = 'Jane Roe'
const postgresError = (code: string | undefined) => {
  const error = new pg.DatabaseError(`no debtor ${NAME}`, 0, 'error')
  error.code = code
  return error
}

t.test('queryError: the class by SQLSTATE, and whether another attempt can succeed', async (t) => {
  t.ok(queryError(postgresError('57014')) instanceof DeadlineExceededError)
  for (const code of [
    '22P02',
    '21000',
    '23514',
    '42703',
    '42P01',
    'P0001',
    'XX000',
    'HV000',
    'HV00J',
    '22025',
    '42P08',
  ]) {
    const error = queryError(postgresError(code))
    t.ok(error instanceof QueryError, code)
    t.equal((error as QueryError).sqlState, code)
    t.match(error.message, `(${code})`)
    t.notMatch(error.message, NAME)
  }
  for (const [code, retryable] of [
    ['08006', true],
    ['57P01', true],
    ['57P03', true],
    ['40001', true],
    ['40P01', true],
    ['25006', false],
    ['26000', false],
    ['28P01', false],
    ['3D000', false],
    ['42P05', false],
    ['42501', false],
    ['53300', false],
    ['55P03', false],
    ['57000', false],
    ['58030', false],
    ['72000', false],
    ['HV00K', false],
    ['HV00L', false],
    ['HV00M', false],
    ['HV00N', false],
  ] as const) {
    const error = queryError(postgresError(code))
    t.ok(error instanceof DatabaseUnavailableError, code)
    t.equal((error as DatabaseUnavailableError).retryable, retryable, code)
  }
  const broken = queryError(new Error('Connection terminated'))
  t.match(broken, { constructor: DatabaseUnavailableError, message: 'Postgres is unavailable' })
  t.equal((broken as DatabaseUnavailableError).retryable, true, 'an error without a SQLSTATE')
})

t.test('isCausedByRow: a row made an expression of a view fail', async (t) => {
  for (const code of ['22P02', '22025', '21000', '23514', '42804', 'P0001', '223F0', '22XX0'])
    t.ok(isCausedByRow(postgresError(code)), code)
  for (const code of ['42703', '42P01', '42501', '3F000', 'XX000', '57014', '08006', '53200'])
    t.notOk(isCausedByRow(postgresError(code)), code)
  t.notOk(isCausedByRow(new Error('22P02')))
})

t.test('connectionError: a full pool, and everything else', async (t) => {
  t.ok(connectionError(new Error('timeout exceeded when trying to connect')) instanceof DatabaseBusyError)
  for (const error of [new Error('connect ECONNREFUSED'), undefined]) {
    const found = connectionError(error)
    t.ok(found instanceof DatabaseUnavailableError)
    t.same([(found as DatabaseUnavailableError).retryable, found.cause], [false, error])
  }
})

t.test('endsConnection, isUnusableStatement and sqlState', async (t) => {
  for (const code of ['57P01', '57P02', '08006', '57014']) t.ok(endsConnection(postgresError(code)), code)
  for (const code of ['22P02', '53300', '57000', 'X08']) t.notOk(endsConnection(postgresError(code)), code)
  t.ok(endsConnection(new Error('socket')))
  for (const code of ['0A000', '26000']) t.ok(isUnusableStatement(postgresError(code)), code)
  t.notOk(isUnusableStatement(postgresError('42P01')))
  t.notOk(isUnusableStatement(new Error('0A000')))
  t.notOk(isUnusableStatement(null))
  t.equal(sqlState(postgresError('1')), '1')
  t.equal(sqlState(Object.assign(new Error(), { code: '1' })), undefined)
})

t.test('messages contain no value', async (t) => {
  const cause = postgresError('22P02')
  const query = new QueryError(cause, '22P02')
  t.equal(query.cause, cause)
  const unreadable = new UnreadableAccountError(query)
  t.equal(unreadable.message, 'a view fails for this account: a text cannot be cast to another type (22P02)')
  t.equal(unreadable.cause, cause)
  t.match(new AmbiguousAccountError('customer'), {
    message: 'customer exists more than once',
    relation: 'customer',
  })
})

t.test('databaseError: the problem, the remedy, and whether it passes without a change', async (t) => {
  const coded = (code: string) => Object.assign(new Error(`connect ${code} secret`), { code })
  for (const [error, problem, isTransient] of [
    [postgresError('28P01'), 'Postgres rejects the user or the password', false],
    [
      postgresError('28000'),
      'Postgres does not allow this user, host or database to connect, or not without TLS',
      false,
    ],
    [postgresError('3D000'), 'the database that DATABASE_URL names does not exist', false],
    [postgresError('53300'), 'Postgres has no connection left', true],
    [postgresError('53200'), 'Postgres has not enough memory, disk or connections', true],
    [postgresError('25006'), 'Postgres is read-only (a standby, or default_transaction_read_only)', false],
    [postgresError('42501'), 'this user does not have the privilege', false],
    [postgresError('57014'), 'the statement was canceled, by statement_timeout or by an operator', false],
    [postgresError('57P03'), 'Postgres is starting or stopping', true],
    [postgresError('57P01'), 'Postgres ended the connection', true],
    [
      postgresError('08P01'),
      'the server rejects the connection: it is not Postgres, or a pooler does not know this database',
      false,
    ],
    [postgresError('08006'), 'the connection to Postgres failed', true],
    [postgresError('22P02'), 'Postgres reports an error (SQLSTATE 22P02)', false],
    [postgresError('128P01'), 'Postgres reports an error (SQLSTATE 128P01)', false],
    [postgresError(undefined), 'Postgres reports an error (SQLSTATE unknown)', false],
    [coded('ENOTFOUND'), 'the host name in DATABASE_URL cannot be resolved', true],
    [coded('EAI_AGAIN'), 'the host name in DATABASE_URL cannot be resolved', true],
    [
      coded('ECONNREFUSED'),
      'nothing accepts connections at the host and port in DATABASE_URL (ECONNREFUSED)',
      true,
    ],
    [coded('EHOSTUNREACH'), 'the host in DATABASE_URL does not answer', true],
    [coded('CERT_HAS_EXPIRED'), 'the TLS certificate of Postgres has expired or is not valid yet', false],
    [
      coded('ERR_TLS_CERT_ALTNAME_INVALID'),
      'the TLS certificate of Postgres is for another host name',
      false,
    ],
    [coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'the TLS certificate of Postgres is not trusted', false],
    [coded('CERT_REVOKED'), 'the TLS certificate of Postgres is not trusted', false],
    [coded('EPROTO'), 'the TLS handshake with Postgres failed', false],
    [coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'the TLS handshake with Postgres failed', false],
    [
      coded('ENOENT'),
      'a file that DATABASE_URL names cannot be read (sslrootcert, sslcert or sslkey, or a Unix socket)',
      false,
    ],
    [coded('ECONNRESET'), 'the connection to Postgres broke', true],
    [
      new Error('SASL: client password must be a string'),
      'Postgres asks for a password and DATABASE_URL has none',
      false,
    ],
    [new Error('The server does not support SSL connections'), 'Postgres does not offer TLS', false],
    [
      new Error('There was an error establishing an SSL connection'),
      'the TLS handshake with Postgres failed',
      false,
    ],
    [new Error('timeout exceeded when trying to connect'), 'Postgres does not answer in time', true],
    [new Error('Query read timeout'), 'Postgres does not answer in time', true],
    [new Error('Connection terminated unexpectedly'), 'the connection to Postgres broke', true],
    [new Error('SASL: mechanism'), 'Postgres and this program do not agree on a way to log in', false],
    [
      new Error('error:0480006C:PEM routines::no start line'),
      'a TLS file that DATABASE_URL names is not a PEM file',
      false,
    ],
    [new Error('Invalid URL'), 'DATABASE_URL is not valid', false],
    [new DatabaseBusyError(), 'Postgres does not answer in time', true],
    [new DeadlineExceededError(), 'Postgres does not answer in time', true],
    [
      new AggregateError([coded('ECONNREFUSED'), coded('ENOENT')]),
      'nothing accepts connections at the host and port in DATABASE_URL (ECONNREFUSED)',
      true,
    ],
    [new Error('other', { cause: coded('ECONNRESET') }), 'the connection to Postgres broke', true],
  ] as const) {
    const found = databaseError(error)
    t.equal(found?.problem, `The database cannot be used: ${problem}`)
    t.equal(found?.isTransient, isTransient, problem)
    t.ok(found && found.remedy.length > 10 && !found.remedy.endsWith('.'), 'with a remedy')
    t.equal(found?.cause, error)
    t.notMatch(`${found?.message} ${found?.remedy}`, /secret|Jane/)
  }
  for (const error of [
    new Error('other'),
    new AggregateError([]),
    coded('EOTHER'),
    'ECONNREFUSED',
    undefined,
  ])
    t.equal(databaseError(error), undefined)
})

t.test('databaseError: a code or a message that only contains a known one is unknown', async (t) => {
  for (const code of ['0A530', '2A080', '0A280', '0A57P', '925006', '342501', 'A3D000', '157014'])
    t.match(databaseError(postgresError(code))?.problem, `Postgres reports an error (SQLSTATE ${code})`)
  for (const code of [
    ...['XENOTFOUND', 'XECONNREFUSED', 'ECONNREFUSEDX', 'XETIMEDOUT', 'EHOSTDOWNX', 'XCERT_HAS_EXPIRED'],
    ...[
      'XERR_TLS_CERT_ALTNAME_INVALID',
      'XUNABLE_TO_X',
      'XERR_SSL_X',
      'XEPROTO',
      'EPROTOX',
      'XENOENT',
      'ENOENTX',
    ],
    ...['XECONNRESET', 'EMFILEX'],
  ])
    t.equal(databaseError(Object.assign(new Error('x'), { code })), undefined, code)
  for (const message of [
    'timeout expired',
    'Query read timeout',
    'Connection terminated',
    'SASL',
    'Received unexpected',
  ])
    t.equal(databaseError(new Error(`x ${message}`)), undefined, message)
  for (const message of ['Unknown authenticationOk', 'Invalid URL'])
    t.equal(databaseError(new Error(`x ${message}`)), undefined, message)
})

t.test('userFacing: an error with a message for people, here or as a cause', async (t) => {
  const error = new UserFacingError('a', { remedy: 'b' })
  t.equal(userFacing(error), error)
  t.equal(userFacing(new Error('x', { cause: new Error('y', { cause: error }) })), error)
  t.match(userFacing(postgresError('28P01'))?.message, 'rejects the user or the password')
  t.equal(userFacing(new Error('x')), undefined)
})

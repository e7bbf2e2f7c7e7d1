/** The settings. The types, the validation, `--help` and the test of `.env.example` are derived from this table. */
import { readDatabaseUrl } from './database-url.ts'
import {
  boolean,
  cidrs,
  hostNames,
  hosts,
  httpAddress,
  integer,
  matching,
  omittableFields,
  oneOf,
  proxyAddress,
  secret,
} from './setting-readers.ts'

export interface Setting<Value> {
  meaning: string
  /** As written in the environment. */
  default?: string
  /** NAME_FILE can name a file that contains the value. */
  secret?: true
  /** Another name that other programs use. */
  alias?: string
  /** @throws {Error} with a message that describes the valid values and never contains the value */
  read(text: string): Value
}

export const SETTINGS = {
  DATABASE_URL: {
    meaning: 'URL of the database, postgres://user:password@host:port/database',
    secret: true,
    read: readDatabaseUrl,
  },
  DATABASE_SCHEMA: {
    meaning:
      'schema of debt_accounts, customers and locations: the tables of tratta-jit, or views of your own',
    default: 'tratta_jit',
    read: matching(/^[^\p{Cc}]{1,63}$/u, 'the name of a schema'),
  },
  DATABASE_REPLICA_URL: {
    meaning:
      'URL of a streaming replica that answers calls when the connection to DATABASE_URL fails; empty: none',
    secret: true,
    read: readDatabaseUrl,
  },
  DATABASE_REPLICA_MAX_LAG_MS: {
    meaning: 'maximum age of the data of the replica in milliseconds; an older replica does not answer',
    default: '60000',
    read: integer(100, 86_400_000),
  },
  DATABASE_POOL_SIZE: {
    meaning: 'maximum number of connections to Postgres',
    default: '10',
    read: integer(1, 1000),
  },
  DATABASE_PREPARED_STATEMENTS: {
    meaning: 'set to false behind a PgBouncer older than 1.21 in transaction mode',
    default: 'true',
    read: boolean,
  },
  HOST: {
    meaning: 'address on which PORT listens',
    default: '0.0.0.0',
    read: matching(/^\S+$/, 'an address or a name'),
  },
  PORT: {
    meaning: 'public port: the JIT route and health, nothing else',
    default: '8080',
    read: integer(0, 65535),
  },
  TLS_CERT_FILE: {
    meaning:
      'file with the certificate of PORT and its intermediate certificates (PEM); set it with TLS_KEY_FILE to serve https',
    read: matching(/^\P{Cc}+$/u, 'the path of a file'),
  },
  TLS_KEY_FILE: {
    meaning: 'file with the private key of TLS_CERT_FILE (PEM, without a passphrase)',
    read: matching(/^\P{Cc}+$/u, 'the path of a file'),
  },
  ADMIN_HOST: {
    meaning: 'address on which ADMIN_PORT listens',
    default: '127.0.0.1',
    read: matching(/^\S+$/, 'an address or a name'),
  },
  ADMIN_PORT: {
    meaning: 'port for operators: health, metrics, the API description, and the console',
    default: '9090',
    read: integer(0, 65535),
  },
  CONSOLE_PASSWORD: {
    meaning:
      'password of the console in the browser on ADMIN_PORT, at least 16 characters; not set: no console',
    secret: true,
    read: matching(/^[^\p{Cc}]{16,200}$/u, '16 to 200 characters'),
  },
  CONSOLE_HOSTS: {
    meaning: 'names under which browsers reach the console, beside localhost and ADMIN_HOST',
    default: '',
    read: hostNames,
  },
  CONSOLE_USER_HEADER: {
    meaning:
      'header in which a proxy of TRUSTED_PROXIES names the user of the console, for the record of reads',
    read: matching(/^[A-Za-z0-9-]{1,100}$/, 'the name of a header'),
  },
  PUBLIC_URL: {
    meaning: 'URL at which Tratta reaches PORT, for example https://jit.agency.example',
    read: httpAddress,
  },
  JIT_SECRET: {
    meaning: 'secret in the URL that is registered at Tratta, at least 32 URL-safe characters',
    secret: true,
    read: secret,
  },
  JIT_SECRET_PREVIOUS: {
    meaning: 'previous secret, accepted during a rotation',
    secret: true,
    read: secret,
  },
  JIT_SECRET_NEXT: {
    meaning: 'next secret, accepted before it becomes JIT_SECRET, so that a rotation is one change',
    secret: true,
    read: secret,
  },
  JIT_CANARY_ACCOUNT: {
    meaning: 'external_id of an account that the service requests from itself each minute; empty: none',
    read: matching(/^\P{Cc}{1,255}$/u, 'an external_id of 1 to 255 characters'),
  },
  JIT_DEADLINE_MS: {
    meaning: 'time limit of a call in milliseconds; the limit of Tratta is 10000',
    default: '5000',
    read: integer(100, 9000),
  },
  JIT_MAX_ANSWER_BYTES: {
    meaning: 'maximum size of a response; a larger one is an error and is not read into memory',
    default: '5000000',
    read: integer(10_000, 100_000_000),
  },
  OMIT_FIELDS: {
    meaning: 'fields that Tratta never gets, for example customer.ssn_last4,customer.date_of_birth',
    default: '',
    read: omittableFields,
  },
  ALLOWED_CLIENTS: {
    meaning: 'CIDR ranges that may call the JIT route; empty: every client with the secret',
    default: '',
    read: cidrs,
  },
  TRUSTED_PROXIES: {
    meaning: 'CIDR ranges of the proxies whose X-Forwarded-For header is used; empty: none',
    default: '',
    read: cidrs,
  },
  TRATTA_API_URL: {
    meaning: 'URL of the API of Tratta, https://<org-uuid>.production.tratta.io/api/v1',
    read: httpAddress,
  },
  TRATTA_API_ALLOW_HTTP: {
    meaning: 'set to true to allow an http TRATTA_API_URL on another machine, for a simulated Tratta',
    default: 'false',
    read: boolean,
  },
  TRATTA_API_TOKEN: {
    meaning: 'bearer token for the API of Tratta',
    secret: true,
    read: matching(/^[\x21-\x7e]{1,8192}$/, 'a token without spaces'),
  },
  TRATTA_REGISTER: {
    meaning:
      'auto: register once at startup when PUBLIC_URL, TRATTA_API_URL and TRATTA_API_TOKEN are set; off: never',
    default: 'auto',
    read: oneOf('auto', 'off'),
  },
  TRATTA_REQUESTS_PER_MINUTE: {
    meaning: 'rate limit of Tratta for your organization; bulk stays below it',
    default: '300',
    read: integer(1, 1_000_000),
  },
  TRATTA_BULK_BYTES: {
    meaning: 'maximum size of a bulk request in bytes; without it, what `probe` found, else 4000000',
    read: integer(10_000, 100_000_000),
  },
  TRATTA_BULK_ROWS: {
    meaning: 'maximum number of rows of a bulk request; without it, what `probe` found, else 1000',
    read: integer(1, 1000),
  },
  TRATTA_BULK_IN_FLIGHT: {
    meaning: 'maximum number of bulk requests at the same time; without it, what `probe` found, else 6',
    read: integer(1, 6),
  },
  TRATTA_BULK_WAIT_SECONDS: {
    meaning:
      'seconds between two reads of the errors of a bulk request; Tratta does not report when a request is done',
    default: '30',
    read: integer(0, 3600),
  },
  TRATTA_BULK_MAX_WAIT_SECONDS: {
    meaning:
      'maximum time in seconds for reading the errors of a bulk request; reading ends when two reads agree',
    default: '900',
    read: integer(1, 86_400),
  },
  TRATTA_EXISTING_CUSTOMERS: {
    meaning: 'bulk rows of a customer that Tratta has: reuse adds the accounts, reject rejects the row',
    read: oneOf('reuse', 'reject'),
  },
  TRATTA_ID_COMPARISON: {
    meaning: 'how Tratta compares ids: exact, or folded (ignores case, trailing blanks, composition)',
    read: oneOf('exact', 'folded'),
  },
  TRATTA_PENDING_ERRORS: {
    meaning: 'whether Tratta reports that bulk errors are not ready: marked, unmarked',
    read: oneOf('unmarked', 'marked'),
  },
  TRATTA_SSN_LAST4: {
    meaning: 'JSON type of ssn_last4: any, text, or number (omits values with a leading zero)',
    read: oneOf('any', 'text', 'number'),
  },
  HTTPS_PROXY: {
    meaning: 'proxy for requests to Tratta, http://user:password@host:port; https_proxy is read too',
    secret: true,
    alias: 'https_proxy',
    read: proxyAddress,
  },
  HTTP_PROXY: {
    meaning: 'proxy for requests to an http TRATTA_API_URL; http_proxy is read too',
    secret: true,
    alias: 'http_proxy',
    read: proxyAddress,
  },
  NO_PROXY: {
    meaning: 'comma-separated hosts that are requested without a proxy: names, .suffixes, host:port, or *',
    default: '',
    alias: 'no_proxy',
    read: hosts,
  },
  CALL_LOG_DAYS: {
    meaning: 'days for which calls are kept in tratta_jit.calls; 0: calls are not stored',
    default: '90',
    read: integer(0, 10_000),
  },
  LOG_LEVEL: {
    meaning: 'log level: trace, debug, info, warn, error, fatal or silent',
    default: 'info',
    read: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  },
} satisfies Record<string, Setting<unknown>>

export type Settings = typeof SETTINGS
export type SettingName = keyof Settings

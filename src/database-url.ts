/**
 * Validates DATABASE_URL and reads its TLS parameters. No message contains a part of the URL: a
 * password that is not percent-encoded can appear in any part of it.
 */

const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const
type SslMode = (typeof SSL_MODES)[number]

/** The parameters whose value may contain an @. */
const MAY_HOLD_AT =
  /^(user|password|host|options|application_name|fallback_application_name|ssl(rootcert|cert|key))=/

const ENCODE =
  'write #, /, ?, @ and % in the user or the password as %23, %2F, %3F, %40 and %25 (in a shell: node -p "encodeURIComponent(process.argv[1])" PASSWORD)'

/** @throws {Error} with a predicate such as "must be a postgres:// URL"; it never contains a value */
export function readDatabaseUrl(text: string): string {
  const problem = findProblem(text)
  if (problem) throw new Error(problem)
  return text
}

function findProblem(text: string): string | undefined {
  const rest = /^postgres(?:ql)?:\/\/(\S+)$/.exec(text)?.[1]
  if (rest === undefined) return 'must be a postgres:// URL'
  const [authority = ''] = /^[^/?#]*/.exec(rest)!
  const query = /\?(.*)$/.exec(rest.slice(authority.length))?.[1] ?? ''
  const path = rest.slice(authority.length, query ? -query.length - 1 : undefined)
  if (rest.includes('#') || /@.*@/.test(authority) || path.includes('@') || hasUnexpectedAt(query))
    return `has a character that must be percent-encoded: ${ENCODE}`
  if (!isDecodable(rest)) return `has a % that is not a percent-encoding: ${ENCODE}`
  const parameters = new URLSearchParams(query)
  const host = parameters.get('host') ?? authority.slice(authority.lastIndexOf('@') + 1)
  if (host.includes(','))
    return 'names several hosts: name one, the primary or a proxy that follows it (PgBouncer, HAProxy)'
  if (!URL.canParse(withoutEmptyHost(text)))
    return `is not a valid URL: it must be postgres://user:password@host:port/database, with a port from 1 to 65535; ${ENCODE}`
  const port = parameters.get('port')
  if (port !== null && !(Number(port) >= 1 && Number(port) <= 65535))
    return 'has a port that is not a number from 1 to 65535'
  const sslmode = parameters.get('sslmode')
  if (sslmode !== null && !SSL_MODES.some((mode) => mode === sslmode))
    return `has an sslmode that is none of ${SSL_MODES.join(', ')}`
  if (
    parameters.get('uselibpqcompat') === 'true' &&
    sslmode === 'verify-ca' &&
    !parameters.get('sslrootcert')
  )
    return 'has sslmode=verify-ca without sslrootcert: name the file with the certificate of the authority'
  return undefined
}

const hasUnexpectedAt = (query: string) =>
  query.split('&').some((parameter) => parameter.includes('@') && !MAY_HOLD_AT.test(parameter))

function isDecodable(text: string) {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

interface DatabaseTls {
  /** Absent: clear text. */
  mode: SslMode | undefined
  /** Whether the driver verifies the certificate and the host name. */
  isVerified: boolean
  /** Undefined for a Unix socket. */
  host: string | undefined
}

/** How the driver connects for this URL. The driver also reads PGHOST and PGSSLMODE. */
export function databaseTls(text: string, environment: NodeJS.ProcessEnv = process.env): DatabaseTls {
  const url = parse(text)
  const parameters = url.searchParams
  const host =
    parameters.get('host') ||
    decodeURIComponent(url.hostname).replace(/^\[(.+)\]$/, '$1') ||
    environment.PGHOST ||
    'localhost'
  const mode = sslModeOf(parameters, environment)
  const isWeak =
    parameters.get('uselibpqcompat') === 'true' && ['prefer', 'require', 'verify-ca'].includes(mode ?? '')
  return {
    mode,
    isVerified: mode !== undefined && !['disable', 'no-verify'].includes(mode) && !isWeak,
    host: host.startsWith('/') ? undefined : host,
  }
}

function sslModeOf(parameters: URLSearchParams, environment: NodeJS.ProcessEnv): SslMode | undefined {
  const sslmode = parameters.get('sslmode') as SslMode | null
  if (sslmode) return sslmode
  if (['sslcert', 'sslkey', 'sslrootcert'].some((name) => parameters.get(name))) return 'verify-full'
  const ssl = parameters.get('ssl')
  if (ssl === 'true' || ssl === '1') return 'verify-full'
  if (ssl === 'no-verify') return 'no-verify'
  if (ssl !== null) return undefined
  if (parameters.get('sslnegotiation') === 'direct') return 'verify-full'
  return SSL_MODES.find((mode) => mode === environment.PGSSLMODE)
}

/**
 * The URL as the driver gets it. The driver treats prefer, require and verify-ca as verify-full and prints
 * nine lines about it to standard error; with verify-full it does the same and prints nothing.
 */
export function driverUrl(text: string): string {
  if (parse(text).searchParams.get('uselibpqcompat') === 'true') return text
  return text.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full')
}

/**
 * A URL with a user and no host (`postgres://user@/database?host=/run/postgresql`) is valid for the driver
 * only.
 */
const withoutEmptyHost = (text: string) => text.replace(/^(postgres(?:ql)?:\/\/)[^/?]*@(?=[/?]|$)/, '$1')

const parse = (text: string) => new URL(withoutEmptyHost(text))

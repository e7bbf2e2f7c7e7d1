/** The command line of the benchmark. */
import { parseArgs } from 'node:util'
import { NAMES } from './servers.ts'

export class UsageError extends Error {}

/** A server that is already running. The id of an account is appended to its URL. */
export interface OtherServer {
  name: string
  url: string
}

export interface Options {
  /** Sizes of the data sets; more than one only with --lookup. */
  accounts: number[]
  rounds: number
  /** Of each measurement. */
  seconds: number
  connections: number
  /** Calls per second; undefined for maximum throughput. */
  rate: number | undefined
  lookup: boolean
  otherServers: OtherServer[]
  keep: boolean
  json: boolean
}

/** The smallest data set that has every kind of account among those that are checked. */
const MIN_ACCOUNTS = 100

export const HELP = `npm run bench -- [options]

  --accounts N      accounts in the data set, without children (default: 500000)
  --rounds N        rounds, in each of which every server is measured once (default: 5)
  --seconds N       seconds of each measurement (default: 5)
  --connections N   concurrent calls (default: 16)
  --rate N          calls per second, sent at fixed times whether or not earlier calls were answered
  --url NAME=URL    measure another server on the same data; the id of an account is appended to URL
  --lookup          measure only the database lookup; repeat --accounts to compare sizes
  --keep            keep the data set for the next run
  --json            print a JSON line for each result
  -h, --help

BENCH_DATABASE_URL names a Postgres to use instead of the embedded one. The benchmark creates and removes only the
databases tratta_jit_bench_N there.
`

/**
 * @returns undefined when help was asked for
 * @throws {UsageError}
 */
export function readOptions(args: string[], environment: NodeJS.ProcessEnv): Options | undefined {
  const given = parse(args)
  if (given.help) return undefined
  const accounts = (given.accounts ?? ['500000']).map((text) =>
    integer('--accounts', text, MIN_ACCOUNTS, 100_000_000),
  )
  if (accounts.length > 1 && !given.lookup) throw new UsageError('Several --accounts need --lookup')
  if (new Set(accounts).size < accounts.length) throw new UsageError('The values of --accounts must differ')
  if (given.lookup && (given.rate || given.url || given.connections))
    throw new UsageError('--lookup cannot be used with --rate, --connections or --url')
  if (given.rate && given.connections) throw new UsageError('--rate cannot be used with --connections')
  if (given.keep && !environment.BENCH_DATABASE_URL)
    throw new UsageError(
      '--keep needs BENCH_DATABASE_URL, because the embedded Postgres is removed at the end',
    )
  const otherServers = (given.url ?? []).map(readOtherServer)
  const names = [...NAMES, ...otherServers.map(({ name }) => name)]
  if (new Set(names).size < names.length)
    throw new UsageError(`--url: the names must differ: ${names.join(', ')}`)
  return {
    accounts,
    rounds: integer('--rounds', given.rounds ?? '5', 1, 1000),
    seconds: integer('--seconds', given.seconds ?? '5', 1, 3600),
    connections: integer('--connections', given.connections ?? '16', 1, 1000),
    rate: given.rate === undefined ? undefined : integer('--rate', given.rate, 1, 100_000),
    lookup: given.lookup ?? false,
    otherServers,
    keep: given.keep ?? false,
    json: given.json ?? false,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        accounts: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        connections: { type: 'string' },
        rate: { type: 'string' },
        url: { type: 'string', multiple: true },
        lookup: { type: 'boolean' },
        keep: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function integer(name: string, text: string, min: number, max: number) {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new UsageError(`${name} must be a whole number from ${min} to ${max}`)
}

function readOtherServer(text: string): OtherServer {
  const [, name = '', url = ''] = /^([^=]+)=(.*)$/.exec(text) ?? []
  if (URL.parse(url)?.protocol === 'http:') return { name, url }
  throw new UsageError('--url must be NAME=http://…')
}

/** The command line of the bench. */
import { parseArgs } from 'node:util'
import { NAMES } from './servers.ts'

export class UsageError extends Error {}

/** A server that runs elsewhere: an account's id is appended to its address. */
interface Elsewhere {
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
  /** Calls a second; undefined for maximum throughput. */
  rate: number | undefined
  lookup: boolean
  elsewhere: Elsewhere[]
  keep: boolean
  json: boolean
}

/** The smallest data set that has every kind of account among those that are checked. */
const FEWEST_ACCOUNTS = 100

export const HELP = `npm run bench -- [options]

  --accounts N      accounts in the data set, the children of a third of them not counted (500000)
  --rounds N        rounds in which each server is measured once (5)
  --seconds N       seconds of each measurement (5)
  --connections N   calls at a time (16)
  --rate N          calls a second, sent at fixed moments whether or not earlier ones are answered
  --url NAME=URL    another server on the same data; the account's id is appended to URL
  --lookup          measures the database lookup alone; with two --accounts, how it grows
  --keep            leaves the data set for the next time
  --json            one line of JSON a result
  -h, --help

BENCH_DATABASE_URL: a Postgres to use instead of one of its own. There the bench makes and removes the
databases tratta_jit_bench_N, and touches no other.
`

/**
 * @returns undefined when help was asked for
 * @throws {UsageError}
 */
export function readOptions(args: string[], environment: NodeJS.ProcessEnv): Options | undefined {
  const given = parse(args)
  if (given.help) return undefined
  const accounts = (given.accounts ?? ['500000']).map((text) =>
    integer('--accounts', text, FEWEST_ACCOUNTS, 100_000_000),
  )
  if (accounts.length > 1 && !given.lookup) throw new UsageError('--accounts is given twice without --lookup')
  if (new Set(accounts).size < accounts.length) throw new UsageError('--accounts is given twice the same')
  if (given.lookup && (given.rate || given.url || given.connections))
    throw new UsageError('--lookup takes neither --rate, --connections nor --url')
  if (given.rate && given.connections) throw new UsageError('--rate opens connections as it needs them')
  if (given.keep && !environment.BENCH_DATABASE_URL)
    throw new UsageError('--keep needs BENCH_DATABASE_URL: a Postgres of its own does not outlive the bench')
  const elsewhere = (given.url ?? []).map(readElsewhere)
  const names = [...NAMES, ...elsewhere.map(({ name }) => name)]
  if (new Set(names).size < names.length)
    throw new UsageError(`--url: one name twice among ${names.join(', ')}`)
  return {
    accounts,
    rounds: integer('--rounds', given.rounds ?? '5', 1, 1000),
    seconds: integer('--seconds', given.seconds ?? '5', 1, 3600),
    connections: integer('--connections', given.connections ?? '16', 1, 1000),
    rate: given.rate === undefined ? undefined : integer('--rate', given.rate, 1, 100_000),
    lookup: given.lookup ?? false,
    elsewhere,
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

function integer(name: string, text: string, least: number, most: number) {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new UsageError(`${name} must be a whole number from ${least} to ${most}`)
}

function readElsewhere(text: string): Elsewhere {
  const [, name = '', url = ''] = /^([^=]+)=(.*)$/.exec(text) ?? []
  if (URL.parse(url)?.protocol === 'http:') return { name, url }
  throw new UsageError('--url must be NAME=http://…')
}

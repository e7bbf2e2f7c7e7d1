/** Measures the statement of the responder: one connection, one lookup after the other. */
import { createHistogram } from 'node:perf_hooks'
import pg from 'pg'
import { lookupSql } from '../src/database/lookup-sql.ts'
import { readRelations } from '../src/database/relations.ts'
import { externalIdOf } from './data-set.ts'
import { median } from './median.ts'
import type { Progress } from './progress.ts'

export interface DataSet {
  accounts: number
  url: string
}

export interface LookupTime {
  accounts: number
  lookups: number
  /** Microseconds, over all rounds. */
  median: number
  p99: number
  /** The median over all rounds of: median of this data set / median of the first data set. */
  ratio: number
}

const WARM_UP_MS = 1000
const MAX_NANOSECONDS = 10_000_000_000

/** Measures the data sets in turns, because the speed of the machine changes from minute to minute. */
export async function measureLookup(
  dataSets: DataSet[],
  { rounds, seconds }: { rounds: number; seconds: number },
  progress: Progress,
): Promise<LookupTime[]> {
  const statement = { name: 'lookup', text: '' }
  const createNanoseconds = () => createHistogram({ lowest: 1, highest: MAX_NANOSECONDS, figures: 3 })
  const sets = dataSets.map(({ accounts, url }) => ({
    accounts,
    client: new pg.Client({ connectionString: url, query_timeout: 60_000 }),
    all: createNanoseconds(),
    medians: [] as number[],
  }))
  const lookUp = async (client: pg.Client, accounts: number, ms: number, times = createNanoseconds()) => {
    for (const until = performance.now() + ms; performance.now() < until; ) {
      const id = externalIdOf(1 + Math.floor(Math.random() * accounts))
      const before = process.hrtime.bigint()
      const { rowCount } = await client.query({ ...statement, values: [id] })
      times.record(process.hrtime.bigint() - before)
      if (rowCount !== 1) throw new Error(`${rowCount} rows for ${id}`)
    }
    return times
  }
  try {
    for (const { client } of sets) {
      client.on('error', () => {})
      await client.connect()
      statement.text = lookupSql(await readRelations(client, 'tratta_jit'))
    }
    for (let round = 0; round < rounds; round++)
      for (const [index, { accounts, client, all, medians }] of sets.entries()) {
        progress.show('measuring', (round * sets.length + index) / (rounds * sets.length))
        await lookUp(client, accounts, WARM_UP_MS)
        const times = await lookUp(client, accounts, seconds * 1000)
        medians.push(times.percentile(50))
        all.add(times)
      }
  } finally {
    await Promise.all(sets.map(({ client }) => client.end()))
  }
  const first = sets[0]?.medians ?? []
  return sets.map(({ accounts, all, medians }) => ({
    accounts,
    lookups: all.count,
    median: all.percentile(50) / 1000,
    p99: all.percentile(99) / 1000,
    ratio: median(medians.map((each, round) => each / first[round]!)),
  }))
}

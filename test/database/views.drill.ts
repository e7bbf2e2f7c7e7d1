/**
 * `node test/database/views.drill.ts [ACCOUNTS]`: measures the lookup and the bulk reading of every shape of views, with
 * 200,000 accounts in an embedded Postgres. Not a part of `npm test`.
 */
import pg from 'pg'
import { pagesAfter } from '../../src/bulk/customer-pages.ts'
import { createCustomerSource } from '../../src/bulk/customer-source.ts'
import { accountStatement, compile } from '../../src/database/account-statement.ts'
import { readRelations } from '../../src/database/relations.ts'
import { startEmbeddedPostgres } from '../../src/development/embedded-postgres.ts'
import { VIEW_SHAPES, type ViewShapeName, viewShapes } from '../support/view-shapes.ts'

const accounts = Number(process.argv[2] ?? 200_000)
const LOOKUPS = 20
const BULK_MS = 5000
/** Row-level security does not apply to a superuser. */
const ROLE = 'views_reader'

const postgres = await startEmbeddedPostgres({ settings: { shared_buffers: '512MB' } })
try {
  const names = Object.keys(VIEW_SHAPES) as ViewShapeName[]
  const setup = new pg.Client(postgres.url)
  await setup.connect()
  await setup.query(viewShapes(postgres.url, accounts))
  await setup.query(`create role ${ROLE}`)
  for (const schema of ['legacy', ...names])
    await setup.query(
      `grant usage on schema ${schema} to ${ROLE}; grant select on all tables in schema ${schema} to ${ROLE}`,
    )
  await setup.query('vacuum')
  await setup.end()
  for (const name of names) console.log(await measure(name))
} finally {
  await postgres.stop()
}

async function measure(name: ViewShapeName): Promise<string> {
  const pool = new pg.Pool({
    connectionString: postgres.url,
    options: `-c role=${ROLE} -c random_page_cost=1.1`,
  })
  try {
    const generic = await medianLookup(pool, name, 'force_generic_plan')
    const custom = await medianLookup(pool, name, 'force_custom_plan')
    const rate = await bulkRate(pool, name)
    return `${name.padEnd(16)} generic ${generic.toFixed(2)} ms, custom ${custom.toFixed(2)} ms, bulk ${Math.round(rate)} customers/s`
  } finally {
    await pool.end()
  }
}

/** Of parents with three children. */
async function medianLookup(pool: pg.Pool, schema: ViewShapeName, mode: string): Promise<number> {
  const { prefix = '' } = VIEW_SHAPES[schema] as { prefix?: string }
  const { inline } = await compile(pool, accountStatement(schema, true), { queryMs: 60_000 })
  const client = await pool.connect()
  try {
    await client.query(`set plan_cache_mode = ${mode}`)
    const times: number[] = []
    for (let lookup = 1; lookup <= LOOKUPS; lookup++) {
      const number = 1 + 8 * Math.floor((accounts / 8) * (lookup / (LOOKUPS + 1)))
      const start = performance.now()
      const { rowCount } = await client.query({ ...inline, values: [`${prefix}${number}`] })
      times.push(performance.now() - start)
      if (rowCount !== 1) throw new Error(`${schema}: account ${number} is not found`)
    }
    return times.sort((a, b) => a - b)[LOOKUPS / 2]!
  } finally {
    client.release(true)
  }
}

async function bulkRate(pool: pg.Pool, schema: ViewShapeName): Promise<number> {
  const source = createCustomerSource(pool, await readRelations(pool, schema))
  const start = performance.now()
  let customers = 0
  for await (const page of pagesAfter(source, '', new AbortController().signal)) {
    customers += page.customers.length
    if (performance.now() - start > BULK_MS) break
  }
  return (customers / (performance.now() - start)) * 1000
}

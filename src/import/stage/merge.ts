/** Merges the staged rows into the tables by external_id. Writes only what differs, and does not block readers. */
import type pg from 'pg'
import { columnsOf, presentBit, type Table } from './copy-encoding.ts'

interface Counts {
  added: number
  changed: number
  unchanged: number
}
export type MergeCounts = Record<Table, Counts>

const isPresent = (table: Table, column: string) => `s.present & ${presentBit(table, column)} <> 0`

const valueColumns = (table: Table) => columnsOf(table).filter((column) => column !== 'external_id')

const newRows = (table: Table) =>
  `from staged_${table} s
   where not exists (select from tratta_jit.${table} t where t.external_id = s.external_id)`

function isDifferent(table: Table) {
  const columns = valueColumns(table).map(
    (column) => `(${isPresent(table, column)} and s.${column} is distinct from t.${column})`,
  )
  return `t.external_id = s.external_id and (${columns.join(' or ')})`
}

/** What `merge` would change. */
export const countMerge = (client: pg.Client): Promise<MergeCounts> =>
  forEachTable(client, async (table) => ({
    added: await count(client, newRows(table)),
    changed: await count(client, `from staged_${table} s, tratta_jit.${table} t where ${isDifferent(table)}`),
  }))

export const merge = (client: pg.Client): Promise<MergeCounts> =>
  forEachTable(client, async (table) => {
    const values = valueColumns(table).map(
      (column) => `${column} = case when ${isPresent(table, column)} then s.${column} else t.${column} end`,
    )
    const updated = await client.query(
      `update tratta_jit.${table} t set ${values.join(', ')} from staged_${table} s where ${isDifferent(table)}`,
    )
    const columns = columnsOf(table)
    const inserted = await client.query(
      `insert into tratta_jit.${table} (${columns.join(', ')})
       select ${columns.map((column) => `s.${column}`).join(', ')} ${newRows(table)}`,
    )
    return { added: inserted.rowCount ?? 0, changed: updated.rowCount ?? 0 }
  })

async function forEachTable(
  client: pg.Client,
  work: (table: Table) => Promise<{ added: number; changed: number }>,
): Promise<MergeCounts> {
  const run = async (table: Table): Promise<Counts> => {
    const { added, changed } = await work(table)
    return { added, changed, unchanged: (await count(client, `from staged_${table}`)) - added - changed }
  }
  const locations = await run('locations')
  const customers = await run('customers')
  return { locations, customers, debt_accounts: await run('debt_accounts') }
}

async function count(client: pg.Client, from: string) {
  const { rows } = await client.query<{ count: number }>(`select count(*)::int as count ${from}`)
  return rows[0]!.count
}

/** Autovacuum would update the statistics only after about a minute. */
export async function analyze(client: pg.Client, counts: MergeCounts) {
  for (const [table, { added, changed }] of Object.entries(counts))
    if (added + changed > 0) await client.query(`analyze tratta_jit.${table}`)
}

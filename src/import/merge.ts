/** What is staged, into the tables: by external_id, and only what differs. Readers are not held up by it. */
import type pg from 'pg'
import { TABLES, type Table } from './copied-row.ts'

export interface Counts {
  added: number
  changed: number
  unchanged: number
}
export type MergeCounts = Record<Table, Counts>

/** In the integer `given` of a staged row: whether the file said anything of this column. */
export const bitOf = (table: Table, column: string) => 1 << Object.keys(TABLES[table]).indexOf(column)

const isGiven = (table: Table, column: string) => `s.given & ${bitOf(table, column)} <> 0`

const from = (table: Table) => `from staged_${table} s`
const isNew = (table: Table) =>
  `where not exists (select from tratta_jit.${table} t where t.external_id = s.external_id)`

function differs(table: Table) {
  const columns = Object.keys(TABLES[table]).filter((column) => column !== 'external_id')
  const each = columns.map(
    (column) => `(${isGiven(table, column)} and s.${column} is distinct from t.${column})`,
  )
  return `where t.external_id = s.external_id and (${each.join(' or ')})`
}

/** What a merge would do. */
export async function countMerge(client: pg.Client): Promise<MergeCounts> {
  return forAll(async (table) => {
    const added = await client.query(`select count(*) ${from(table)} ${isNew(table)}`)
    const changed = await client.query(
      `select count(*) ${from(table)}, tratta_jit.${table} t ${differs(table)}`,
    )
    return counted(client, table, Number(added.rows[0].count), Number(changed.rows[0].count))
  })
}

export async function merge(client: pg.Client): Promise<MergeCounts> {
  return forAll(async (table) => {
    const columns = Object.keys(TABLES[table])
    const values = columns
      .filter((column) => column !== 'external_id')
      .map(
        (column) => `${column} = case when ${isGiven(table, column)} then s.${column} else t.${column} end`,
      )
    const changed = await client.query(
      `update tratta_jit.${table} t set ${values.join(', ')} ${from(table)} ${differs(table)}`,
    )
    const added = await client.query(
      `insert into tratta_jit.${table} (${columns.join(', ')})
       select ${columns.map((column) => `s.${column}`).join(', ')} ${from(table)} ${isNew(table)}`,
    )
    return counted(client, table, added.rowCount ?? 0, changed.rowCount ?? 0)
  })
}

async function counted(client: pg.Client, table: Table, added: number, changed: number): Promise<Counts> {
  const { rows } = await client.query(`select count(*) ${from(table)}`)
  return { added, changed, unchanged: Number(rows[0].count) - added - changed }
}

async function forAll(work: (table: Table) => Promise<Counts>): Promise<MergeCounts> {
  const locations = await work('locations')
  const customers = await work('customers')
  return { locations, customers, debt_accounts: await work('debt_accounts') }
}

/** Postgres knows the tables as they are now. It would find out by itself in a minute or so. */
export async function analyze(client: pg.Client, counts: MergeCounts) {
  for (const [table, { added, changed }] of Object.entries(counts))
    if (added + changed > 0) await client.query(`analyze tratta_jit.${table}`)
}

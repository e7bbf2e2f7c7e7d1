/** Validates staged rows against each other and against the tables, in SQL: memory does not grow with the file. */
import type pg from 'pg'
import { columnsOf, presentBit, type Table } from '../stage/copy-encoding.ts'
import { rejectStaged, validateParents } from './validate-parents.ts'

/** The resource of each table, and the column of an account that names it. */
const RESOURCES = {
  locations: { resource: 'location', key: 'location_external_id' },
  customers: { resource: 'customer', key: 'customer_external_id' },
  debt_accounts: { resource: 'debt_account', key: 'external_id' },
} as const satisfies Record<Table, object>

export async function validateStaged(client: pg.Client) {
  for (const table of ['locations', 'customers', 'debt_accounts'] as const)
    await rejectConflicts(client, table)
  await rejectTakenNames(client)
  await rejectUnknownReferences(client, 'customers')
  await rejectUnknownReferences(client, 'locations')
  await validateParents(client)
  await deleteUnused(client, 'customers')
  await deleteUnused(client, 'locations')
}

/** Rejects an id that has different content in several rows: the right row is unknown. Deletes equal copies. */
async function rejectConflicts(client: pg.Client, table: Table) {
  const staged = `staged_${table}`
  const { resource, key } = RESOURCES[table]
  await client.query('drop table if exists duplicates, conflicts')
  const { rowCount } = await client.query(
    `create temporary table duplicates on commit drop as
       select external_id from ${staged} group by external_id having count(*) > 1`,
  )
  if (rowCount === 0) return
  await client.query(
    `create temporary table conflicts on commit drop as
       with contents as (
         select record, line, external_id, row(present, ${columnsOf(table).join(', ')})::text as content
         from ${staged} join duplicates using (external_id)),
       compared as (
         select *, first_value(content) over copies as first_content, first_value(line) over copies as first_line
         from contents window copies as (partition by external_id order by record))
       select external_id, min(first_line) as first_line, min(line) as other_line
       from compared where content <> first_content group by external_id`,
  )
  await rejectStaged(
    client,
    `${resource}.external_id`,
    { code: 'conflicting_rows' },
    `select a.record, min(a.line) as line, min(a.external_id) as external_id,
       min(case when a.line < c.other_line then c.other_line else c.first_line end) as other_line
     from ${rowsNaming(table)} a join conflicts c on c.external_id = a.${key} group by a.record`,
  )
  await client.query(
    `delete from ${staged} using (
       select s.ctid as row, row_number() over (partition by external_id order by record) as number
       from ${staged} s join duplicates using (external_id)) as copies
     where ${staged}.ctid = copies.row and number > 1`,
  )
}

/** Tratta has one location per name and type, and so does the table. */
async function rejectTakenNames(client: pg.Client) {
  const typePresent = `s.present & ${presentBit('locations', 'type')} <> 0`
  await rejectStaged(
    client,
    'location.name',
    { code: 'location_name_taken' },
    `with staged as (
       select s.external_id, s.name,
         coalesce(case when ${typePresent} then s.type else t.type end, 'original_creditor') as type
       from staged_locations s left join tratta_jit.locations t using (external_id)),
     merged as (
       select * from staged union all
       select external_id, name, coalesce(type, 'original_creditor') from tratta_jit.locations t
       where not exists (select from staged_locations s where s.external_id = t.external_id))
     select a.record, min(a.line) as line, min(a.external_id) as external_id, null::bigint as other_line
     from staged s join merged m on m.name = s.name and m.type = s.type and m.external_id <> s.external_id
     join ${rowsNaming('locations')} a on a.location_external_id = s.external_id group by a.record`,
  )
}

async function rejectUnknownReferences(client: pg.Client, table: 'customers' | 'locations') {
  const { resource } = RESOURCES[table]
  await rejectStaged(
    client,
    `${resource}.external_id`,
    { code: 'unknown_reference', resource },
    `select r.record, min(r.line) as line, min(a.external_id) as external_id, null::bigint as other_line
     from staged_references r left join staged_debt_accounts a using (record)
     where r.resource = '${resource}'
       and not exists (select from staged_${table} s where s.external_id = r.external_id)
       and not exists (select from tratta_jit.${table} t where t.external_id = r.external_id)
     group by r.record`,
  )
}

/** The rows that name a resource: accounts, and rows of files that have only customers or locations. */
function rowsNaming(table: Table) {
  if (table === 'debt_accounts') return 'staged_debt_accounts'
  const { key } = RESOURCES[table]
  return `(
    select record, line, external_id, ${key} from staged_debt_accounts union all
    select record, line, null, external_id from staged_${table} join rows_without_account using (record))`
}

/** Deletes customers or locations that only rejected rows name. */
async function deleteUnused(client: pg.Client, table: 'customers' | 'locations') {
  await client.query(
    `delete from staged_${table} s where record in (select record from rejected)
       and not exists (select from staged_debt_accounts a where a.${RESOURCES[table].key} = s.external_id)`,
  )
}

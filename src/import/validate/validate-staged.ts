/** Validates staged rows against each other and against the tables, in SQL: memory does not grow with the file. */
import type pg from 'pg'
import type { Adjustments } from '../adjustments.ts'
import { columnsOf, presentBit, type Table } from '../stage/copy-encoding.ts'
import { rejectStaged, validateParents } from './validate-parents.ts'
import type { RowRules } from './validate-row.ts'

/** The resource of each table, and the column of an account that names it. */
const RESOURCES = {
  locations: { resource: 'location', key: 'location_external_id' },
  customers: { resource: 'customer', key: 'customer_external_id' },
  debt_accounts: { resource: 'debt_account', key: 'external_id' },
} as const satisfies Record<Table, object>

export async function validateStaged(client: pg.Client, { strict }: RowRules, adjustments: Adjustments) {
  for (const table of ['locations', 'customers'] as const)
    if (strict) await rejectConflicts(client, table)
    else await keepMostComplete(client, table, adjustments)
  await rejectConflicts(client, 'debt_accounts')
  await rejectTakenNames(client)
  await omitUnknown(client, 'customers', adjustments)
  await omitUnknown(client, 'locations', adjustments)
  await rejectUnknownReferences(client, 'customers')
  await rejectUnknownReferences(client, 'locations')
  await validateParents(client)
  await deleteUnused(client, 'customers')
  await deleteUnused(client, 'locations')
}

/**
 * Creates the tables `duplicates`, ids that are in several rows, and `conflicts`, those with different content.
 * @returns the number of conflicts; undefined if there are no duplicates
 */
async function findConflicts(client: pg.Client, table: Table): Promise<number | undefined> {
  const staged = `staged_${table}`
  await client.query('drop table if exists duplicates, conflicts')
  const { rowCount } = await client.query(
    `create temporary table duplicates on commit drop as
       select external_id from ${staged} group by external_id having count(*) > 1`,
  )
  if (rowCount === 0) return undefined
  const conflicts = await client.query(
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
  return conflicts.rowCount ?? 0
}

/** Rejects an id that has different content in several rows: the right row is unknown. Deletes equal copies. */
async function rejectConflicts(client: pg.Client, table: Table) {
  if ((await findConflicts(client, table)) === undefined) return
  const { resource, key } = RESOURCES[table]
  await rejectStaged(
    client,
    `${resource}.external_id`,
    { code: 'conflicting_rows' },
    `select a.record, min(a.line) as line, min(a.external_id) as external_id,
       min(case when a.line < c.other_line then c.other_line else c.first_line end) as other_line
     from ${rowsNaming(table)} a join conflicts c on c.external_id = a.${key} group by a.record`,
  )
  await keepOne(client, table, 'record')
}

/** Keeps the row of an id that has the most values, of several such rows the first. */
async function keepMostComplete(
  client: pg.Client,
  table: 'customers' | 'locations',
  adjustments: Adjustments,
) {
  const conflicts = await findConflicts(client, table)
  if (conflicts === undefined) return
  const { rows } = await client.query<{ line: string }>(
    'select other_line::text as line from conflicts order by other_line limit 3',
  )
  adjustments.addStaged(
    'changed',
    `a ${RESOURCES[table].resource} has different content on several rows: the row with the most values was used`,
    conflicts,
    rows.map(({ line }) => ({ line: Number(line), external_id: null })),
  )
  await keepOne(client, table, `num_nonnulls(${columnsOf(table).join(', ')}) desc, record`)
}

async function keepOne(client: pg.Client, table: Table, order: string) {
  await client.query(
    `delete from staged_${table} staged using (
       select s.ctid as row, row_number() over (partition by external_id order by ${order}) as number
       from staged_${table} s join duplicates using (external_id)) as copies
     where staged.ctid = copies.row and number > 1`,
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
     where r.resource = '${resource}' and not r.is_optional
       and not exists (select from staged_${table} s where s.external_id = r.external_id)
       and not exists (select from tratta_jit.${table} t where t.external_id = r.external_id)
     group by r.record`,
  )
}

/** Loads the accounts of rows that have an id without a name, and whose customer or location does not exist. */
async function omitUnknown(client: pg.Client, table: 'customers' | 'locations', adjustments: Adjustments) {
  const { resource, key } = RESOURCES[table]
  const { rows } = await client.query<{ line: string; external_id: string }>(
    `update staged_debt_accounts a set ${key} = null from staged_references r
     where r.record = a.record and r.resource = '${resource}' and r.is_optional
       and not exists (select from staged_${table} s where s.external_id = r.external_id)
       and not exists (select from tratta_jit.${table} t where t.external_id = r.external_id)
     returning a.line::text as line, a.external_id`,
  )
  const examples = rows.slice(0, 3).map(({ line, external_id }) => ({ line: Number(line), external_id }))
  adjustments.addStaged('omitted', `${resource} has no name`, rows.length, examples)
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

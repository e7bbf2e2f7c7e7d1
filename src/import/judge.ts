/**
 * What can only be said of a row beside all others, found in the staging tables, so that memory does not grow
 * with the file: ids that stand twice, names that stand for nothing, parents in a circle. A row that is refused
 * goes whole, with all that stands on it.
 */
import type pg from 'pg'
import { TABLES, type Table } from './copied-row.ts'
import { bitOf } from './merge.ts'

export async function judge(client: pg.Client) {
  for (const table of Object.keys(TABLES) as Table[]) await refuseContradictions(client, table)
  await refuseTakenNames(client)
  await refuseUnknown(client, 'customer', 'customers')
  await refuseUnknown(client, 'location', 'locations')
  await dropRefused(client)
  await refuseCircles(client)
  do await dropRefused(client)
  while ((await refuseChildrenWithoutParent(client)) > 0)
  await dropUnnamed(client, 'customer')
  await dropUnnamed(client, 'location')
}

/** The same id with different content: nobody can say which is meant. With the same, it counts once. */
async function refuseContradictions(client: pg.Client, table: Table) {
  const staged = `staged_${table}`
  const content = `row(given, ${Object.keys(TABLES[table]).join(', ')})::text`
  await client.query('drop table if exists twice, contradictions')
  const twice = await client.query(
    `create temporary table twice on commit drop as
       select external_id from ${staged} group by external_id having count(*) > 1`,
  )
  if (twice.rowCount === 0) return
  await client.query(
    `create temporary table contradictions on commit drop as
       with each as (select record, line, external_id, ${content} as content from ${staged} join twice using (external_id)),
       compared as (
         select *, first_value(content) over its as first_content, first_value(line) over its as first_line
         from each window its as (partition by external_id order by record))
       select external_id, min(first_line) as first_line, min(line) as other_line
       from compared where content <> first_content group by external_id`,
  )
  const [resource, key] = RESOURCES[table]
  await refuse(
    client,
    `${resource}.external_id stands twice in the file, with different content`,
    `select a.record, min(a.line) as line, min(a.external_id) as external_id,
       min(case when a.line < c.other_line then c.other_line else c.first_line end) as also
     from staged_debt_accounts a join contradictions c on c.external_id = a.${key} group by a.record`,
  )
  await client.query(
    `delete from ${staged} using (
       select s.ctid as place, row_number() over (partition by external_id order by record) as number
       from ${staged} s join twice using (external_id)) as one
     where ${staged}.ctid = one.place and number > 1`,
  )
}

/** How a table's rows are called, and by which column an account names them. */
const RESOURCES: Record<Table, [resource: string, key: string]> = {
  locations: ['location', 'location_external_id'],
  customers: ['customer', 'customer_external_id'],
  debt_accounts: ['debt_account', 'external_id'],
}

/** Tratta holds one location for a name and a type, and so does the table. */
async function refuseTakenNames(client: pg.Client) {
  await refuse(
    client,
    'location.name is, with this type, the name of another location too',
    `with named as (
       select s.external_id, s.name, coalesce(case when s.given & ${bitOf('locations', 'type')} <> 0 then s.type else t.type end, 'original_creditor') as type
       from staged_locations s left join tratta_jit.locations t using (external_id)),
     beside as (
       select * from named union all
       select external_id, name, coalesce(type, 'original_creditor') from tratta_jit.locations t
       where not exists (select from staged_locations s where s.external_id = t.external_id))
     select a.record, min(a.line) as line, min(a.external_id) as external_id, null::bigint as also
     from named n join beside b on b.name = n.name and b.type = n.type and b.external_id <> n.external_id
     join staged_debt_accounts a on a.location_external_id = n.external_id group by a.record`,
  )
}

async function refuseUnknown(client: pg.Client, resource: string, table: Table) {
  await refuse(
    client,
    `${resource}.external_id names a ${resource} that is neither in the file nor in the database`,
    `select r.record, min(r.line) as line, min(a.external_id) as external_id, null::bigint as also
     from staged_references r join staged_debt_accounts a using (record)
     where r.resource = '${resource}'
       and not exists (select from staged_${table} s where s.external_id = r.external_id)
       and not exists (select from tratta_jit.${table} t where t.external_id = r.external_id)
     group by r.record`,
  )
}

async function refuseChildrenWithoutParent(client: pg.Client) {
  return refuse(
    client,
    'debt_account.parent_external_id names an account that is refused, or neither in the file nor in the database',
    `select a.record, min(a.line) as line, min(a.external_id) as external_id,
       (select min(r.line) from refused r where r.external_id = min(a.parent_external_id)) as also
     from staged_debt_accounts a
     where a.parent_external_id is not null
       and not exists (select from staged_debt_accounts p where p.external_id = a.parent_external_id)
       and not exists (select from tratta_jit.debt_accounts t where t.external_id = a.parent_external_id)
     group by a.record`,
  )
}

/**
 * Follows all parents at once, twice as far each time: an account that has an ancestor at a distance of more
 * steps than there are accounts stands in a circle or below one. In a portfolio without grandparents, which most
 * are, there is nobody to follow.
 */
async function refuseCircles(client: pg.Client) {
  const given = bitOf('debt_accounts', 'parent_external_id')
  const edges = await client.query(
    `create temporary table ancestors on commit drop as
       with recursive parents (child, ancestor) as (
         select external_id::text, parent_external_id::text from staged_debt_accounts
         where parent_external_id in (
           select external_id from staged_debt_accounts where parent_external_id is not null
           union all select external_id from tratta_jit.debt_accounts where parent_external_id is not null)
         union
         select t.external_id::text, t.parent_external_id::text
         from parents p join tratta_jit.debt_accounts t on t.external_id = p.ancestor
         where t.parent_external_id is not null and not exists (
           select from staged_debt_accounts s where s.external_id = t.external_id and s.given & ${given} <> 0))
       select child, ancestor from parents`,
  )
  const all = edges.rowCount ?? 0
  for (let steps = 1; ; steps *= 2) {
    const farther = await client.query(
      `create temporary table farther on commit drop as
         select a.child, b.ancestor from ancestors a join ancestors b on b.child = a.ancestor`,
    )
    await client.query('drop table ancestors; alter table farther rename to ancestors')
    if (farther.rowCount === 0) return
    if (steps > all) break
  }
  await refuse(
    client,
    'debt_account.parent_external_id leads into a circle of parents',
    `select a.record, min(a.line) as line, min(a.external_id) as external_id, null::bigint as also
     from staged_debt_accounts a join ancestors on ancestors.child = a.external_id group by a.record`,
  )
}

/** @param rows record, line, external_id, also */
async function refuse(client: pg.Client, reason: string, rows: string) {
  const { rowCount } = await client.query(
    `insert into refused (record, line, external_id, kind, what, also)
       select record, line, external_id, $1::text, $1::text, also from (${rows}) as one`,
    [reason],
  )
  return rowCount ?? 0
}

async function dropRefused(client: pg.Client) {
  await client.query('delete from staged_debt_accounts where record in (select record from refused)')
}

/** Customers and locations that stood on refused rows only. */
async function dropUnnamed(client: pg.Client, resource: 'customer' | 'location') {
  await client.query(
    `delete from staged_${resource}s s where exists (select from refused)
       and not exists (select from staged_debt_accounts a where a.${resource}_external_id = s.external_id)`,
  )
}

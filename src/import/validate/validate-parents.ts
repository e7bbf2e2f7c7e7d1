import type pg from 'pg'
import type { Reason } from '../row-error.ts'
import { presentBit } from '../stage/copy-encoding.ts'

const PARENT = 'debt_account.parent_external_id'

/** Rejects cycles of parents, accounts below them, and accounts whose parent does not exist or is rejected. */
export async function validateParents(client: pg.Client) {
  await deleteRejected(client)
  await rejectCycles(client)
  do await deleteRejected(client)
  while ((await rejectUnknownParents(client)) > 0)
}

const rejectUnknownParents = (client: pg.Client) =>
  rejectStaged(
    client,
    PARENT,
    { code: 'unknown_parent' },
    `select a.record, min(a.line) as line, min(a.external_id) as external_id,
       (select min(r.line) from rejected r where r.external_id = min(a.parent_external_id)) as other_line
     from staged_debt_accounts a
     where a.parent_external_id is not null
       and not exists (select from staged_debt_accounts p where p.external_id = a.parent_external_id)
       and not exists (select from tratta_jit.debt_accounts t where t.external_id = a.parent_external_id)
     group by a.record`,
  )

/**
 * Follows all parents at once and doubles the distance in each step. An account with an ancestor at a distance of
 * more steps than there are accounts is in a cycle or below one. Most portfolios have no grandparents: then there
 * is nothing to follow.
 */
async function rejectCycles(client: pg.Client) {
  const parentPresent = presentBit('debt_accounts', 'parent_external_id')
  const { rowCount } = await client.query(
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
           select from staged_debt_accounts s
           where s.external_id = t.external_id and s.present & ${parentPresent} <> 0))
       select child, ancestor from parents`,
  )
  const accounts = rowCount ?? 0
  for (let distance = 1; ; distance *= 2) {
    const next = await client.query(
      `create temporary table next_ancestors on commit drop as
         select a.child, b.ancestor from ancestors a join ancestors b on b.child = a.ancestor`,
    )
    await client.query('drop table ancestors; alter table next_ancestors rename to ancestors')
    if (next.rowCount === 0) return
    if (distance > accounts) break
  }
  await rejectStaged(
    client,
    PARENT,
    { code: 'parent_cycle' },
    `select a.record, min(a.line) as line, min(a.external_id) as external_id, null::bigint as other_line
     from staged_debt_accounts a join ancestors on ancestors.child = a.external_id group by a.record`,
  )
}

/**
 * Rejects staged rows. A rejected row is rejected completely, with all of its accounts.
 * @param rows a query for record, line, external_id, other_line
 * @returns the number of rows
 */
export async function rejectStaged(client: pg.Client, field: string, reason: Reason, rows: string) {
  const { rowCount } = await client.query(
    `insert into rejected (record, line, external_id, reason, field, field_kind, other_line)
       select record, line, external_id, $1::text, $2::text, $2::text, other_line from (${rows}) as rows`,
    [JSON.stringify(reason), field],
  )
  return rowCount ?? 0
}

async function deleteRejected(client: pg.Client) {
  await client.query('delete from staged_debt_accounts where record in (select record from rejected)')
}

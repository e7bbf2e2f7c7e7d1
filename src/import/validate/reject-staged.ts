import type pg from 'pg'
import type { Reason } from '../row-error.ts'

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

export async function deleteRejected(client: pg.Client) {
  await client.query('delete from staged_debt_accounts where record in (select record from rejected)')
}

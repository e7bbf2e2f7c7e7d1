/** What was refused, by us or by Tratta: by message with counts and examples, or row by row. */
import type pg from 'pg'

export interface RefusalRow {
  customer_external_id: string | null
  location_external_id: string | null
  /** Null: customer or location, and with them all accounts of the row. */
  debt_account_external_id: string | null
  refused_by: 'us' | 'tratta'
  reasons: string[]
  bulk_id: string | null
  found_at: Date
}

export interface RefusalGroup {
  refused_by: 'us' | 'tratta'
  reason: string
  count: number
  /** external_ids: of accounts, or where the customer is at fault of customers. */
  examples: string[]
}

const EXAMPLES = 3
const ROWS_AT_ONCE = 1000

const REFUSALS = `
  from tratta_jit.bulk_refusals as refusal
  left join tratta_jit.bulk_requests as request using (request)
  where target = $1 and ($2::text is null or bulk_id = $2)`

export async function refusalGroups(
  pool: pg.Pool,
  target: number,
  bulkId: string | undefined,
): Promise<RefusalGroup[]> {
  const { rows } = await pool.query<RefusalGroup>(
    `select refused_by, reason, count(*)::int,
       (array_agg(name order by name) filter (where place <= ${EXAMPLES})) as examples
     from (
       select refused_by, reason, coalesce(nullif(debt_account_external_id, ''), customer_external_id) as name,
         row_number() over (partition by refused_by, reason
           order by coalesce(nullif(debt_account_external_id, ''), customer_external_id)) as place
       from (select *, unnest(reasons) as reason ${REFUSALS}) as refusal) as one
     group by refused_by, reason order by count(*) desc, reason`,
    [target, bulkId ?? null],
  )
  return rows
}

/** All of them, in the order of customers, whatever their number. */
export async function* refusalRows(
  pool: pg.Pool,
  target: number,
  bulkId: string | undefined,
): AsyncGenerator<RefusalRow> {
  for (let last = ['', '', '', true] as unknown[]; ; ) {
    const { rows } = await pool.query(
      `select customer_external_id, location_external_id, debt_account_external_id, refused_by, reasons,
         bulk_id, found_at
       ${REFUSALS}
         and ($6 or (customer_external_id, location_external_id, debt_account_external_id) > ($3, $4, $5))
       order by customer_external_id, location_external_id, debt_account_external_id limit ${ROWS_AT_ONCE}`,
      [target, bulkId ?? null, ...last],
    )
    for (const row of rows)
      yield {
        ...row,
        customer_external_id: row.customer_external_id || null,
        location_external_id: row.location_external_id || null,
        debt_account_external_id: row.debt_account_external_id || null,
      }
    const end = rows.at(-1)
    if (rows.length < ROWS_AT_ONCE) return
    last = [end.customer_external_id, end.location_external_id, end.debt_account_external_id, false]
  }
}

export const CSV_HEADER =
  'customer_external_id,location_external_id,debt_account_external_id,refused_by,reasons,bulk_id,found_at'

export function csvLine(row: RefusalRow): string {
  const { reasons, found_at, ...rest } = row
  return [
    rest.customer_external_id,
    rest.location_external_id,
    rest.debt_account_external_id,
    rest.refused_by,
    reasons.join('; '),
    rest.bulk_id,
    found_at.toISOString(),
  ]
    .map(csvField)
    .join(',')
}

function csvField(value: string | null): string {
  const text = value ?? ''
  // A spreadsheet runs what begins like a formula; Tratta's words, and ids, come from outside.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

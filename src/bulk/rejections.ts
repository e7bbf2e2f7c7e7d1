/** What was rejected, by us or by Tratta: grouped by message, or row by row. */
import type pg from 'pg'

export interface RejectionRow {
  customer_external_id: string | null
  location_external_id: string | null
  /** Null: customer or location, and with them all accounts of the row. */
  debt_account_external_id: string | null
  rejected_by: 'us' | 'tratta'
  /** unknown: whether Tratta has it cannot be proven. unmatched: it matches no row that was sent. */
  outcome: 'rejected' | 'unknown' | 'unmatched'
  code: string
  reasons: string[]
  bulk_id: string | null
  found_at: Date
}

export interface RejectionGroup {
  rejected_by: 'us' | 'tratta'
  outcome: RejectionRow['outcome']
  reason: string
  count: number
  /** external_ids of accounts, or of customers if the whole row is rejected. */
  examples: string[]
}

const EXAMPLES = 3
const ROWS_PER_QUERY = 1000

const REJECTIONS = `
  from tratta_jit.bulk_rejections as rejection
  left join tratta_jit.bulk_requests as request using (request)
  where target = $1 and ($2::text is null or bulk_id = $2)`

const NAME = `coalesce(nullif(debt_account_external_id, ''), customer_external_id)`

export async function readRejectionGroups(
  pool: pg.Pool,
  target: number,
  bulkId: string | undefined,
): Promise<RejectionGroup[]> {
  const { rows } = await pool.query<RejectionGroup>(
    `select rejected_by, outcome, reason, count(*)::int,
       coalesce(array_agg(name order by name) filter (where place <= ${EXAMPLES} and name <> ''), '{}') as examples
     from (
       select rejected_by, outcome, reason, ${NAME} as name,
         row_number() over (partition by rejected_by, outcome, reason order by ${NAME}) as place
       from (select *, unnest(reasons) as reason ${REJECTIONS}) as rejection) as one
     group by rejected_by, outcome, reason order by count(*) desc, reason, outcome`,
    [target, bulkId ?? null],
  )
  return rows
}

type StoredRejection = RejectionRow & {
  customer_external_id: string
  location_external_id: string
  debt_account_external_id: string
  unmatched: number
}

/** All rejections, in the order of customers. */
export async function* readRejectionRows(
  pool: pg.Pool,
  target: number,
  bulkId: string | undefined,
): AsyncGenerator<RejectionRow> {
  let last: StoredRejection | undefined
  do {
    const { rows } = await pool.query<StoredRejection>(
      `select customer_external_id, location_external_id, debt_account_external_id, unmatched, rejected_by,
         outcome, code, reasons, bulk_id, found_at
       ${REJECTIONS}
         and ($3::text is null or (customer_external_id, location_external_id, debt_account_external_id, unmatched)
           > ($3, $4, $5, $6))
       order by customer_external_id, location_external_id, debt_account_external_id, unmatched
       limit ${ROWS_PER_QUERY}`,
      [
        target,
        bulkId ?? null,
        last?.customer_external_id ?? null,
        last?.location_external_id ?? '',
        last?.debt_account_external_id ?? '',
        last?.unmatched ?? 0,
      ],
    )
    for (const { unmatched, ...row } of rows)
      yield {
        ...row,
        customer_external_id: row.customer_external_id || null,
        location_external_id: row.location_external_id || null,
        debt_account_external_id: row.debt_account_external_id || null,
      }
    last = rows.length < ROWS_PER_QUERY ? undefined : rows.at(-1)
  } while (last)
}

const CSV_COLUMNS = [
  'customer_external_id',
  'location_external_id',
  'debt_account_external_id',
  'rejected_by',
  'outcome',
  'reasons',
  'bulk_id',
  'found_at',
] as const

export const CSV_HEADER = CSV_COLUMNS.join(',')

export function csvLine(row: RejectionRow): string {
  const fields: Record<(typeof CSV_COLUMNS)[number], string | null> = {
    ...row,
    reasons: row.reasons.join('; '),
    found_at: row.found_at.toISOString(),
  }
  return CSV_COLUMNS.map((column) => csvField(fields[column])).join(',')
}

function csvField(value: string | null): string {
  const text = value ?? ''
  // A spreadsheet runs a field that begins like a formula.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

import type pg from 'pg'
import { messageOf, type Reason } from '../row-error.ts'

/** The rejected rows of a file, grouped by reason. */
export interface Rejected {
  rows: number
  reasons: RejectedGroup[]
}

export interface RejectedGroup {
  code: Reason['code']
  /** Without keys that come from the data. */
  field: string | null
  message: string
  rows: number
  examples: RejectedExample[]
}

interface RejectedExample {
  line: number
  external_id: string | null
  other_line: number | null
}

interface GroupRow {
  reason: string
  field: string | null
  rows: number
  examples: RejectedExample[]
}

const MAX_EXAMPLES = 3

export async function countRejected(client: pg.Client): Promise<Rejected> {
  const total = await client.query<{ rows: number }>(
    'select count(distinct record)::int as rows from rejected',
  )
  const groups = await client.query<GroupRow>(
    `select reason, field_kind as field, count(distinct record)::int as rows,
       json_agg(json_build_object('line', line, 'external_id', external_id, 'other_line', other_line) order by record)
         filter (where number <= ${MAX_EXAMPLES}) as examples
     from (
       select *, row_number() over (partition by field_kind, reason order by record) as number
       from (select distinct on (field_kind, reason, record) * from rejected order by field_kind, reason, record) as one
     ) as numbered
     group by field_kind, reason`,
  )
  const reasons = groups.rows.map(({ reason: json, field, rows, examples }) => {
    const reason: Reason = JSON.parse(json)
    return { code: reason.code, field, message: messageOf(reason, field), rows, examples }
  })
  reasons.sort((a, b) => b.rows - a.rows || (a.message < b.message ? -1 : 1))
  return { rows: total.rows[0]!.rows, reasons }
}

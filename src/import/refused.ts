/** What was refused of a file, by reason. */
import type pg from 'pg'

export interface Refused {
  rows: number
  reasons: RefusedGroup[]
}

export interface RefusedGroup {
  reason: string
  rows: number
  /** The first ones. `also`: another line that it is about. */
  examples: { line: number; external_id: string | null; also: number | null }[]
}

const EXAMPLES = 3

export async function countRefused(client: pg.Client): Promise<Refused> {
  const { rows } = await client.query<{ rows: number }>(
    'select count(distinct record)::int as rows from refused',
  )
  const groups = await client.query<RefusedGroup>(
    `select kind as reason, count(distinct record)::int as rows,
       json_agg(json_build_object('line', line, 'external_id', external_id, 'also', also) order by record)
         filter (where place <= ${EXAMPLES}) as examples
     from (
       select *, row_number() over (partition by kind order by record) as place
       from (select distinct on (kind, record) * from refused order by kind, record) as one) as placed
     group by kind order by count(distinct record) desc, kind`,
  )
  return { rows: rows[0]!.rows, reasons: groups.rows }
}

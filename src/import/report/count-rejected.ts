import type pg from 'pg'
import { messageOf, type Reason } from '../row-error.ts'
import { decodeFileLine } from '../stage/file-line.ts'

/** The rejected rows of the files, grouped by reason. */
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
  /** The names of the files are present if there are several. */
  file?: string
  line: number
  external_id: string | null
  other_file?: string
  other_line: number | null
}

/** The lines contain the index of their file. */
type StagedExample = Pick<RejectedExample, 'line' | 'external_id' | 'other_line'>

interface GroupRow {
  reason: string
  field: string | null
  rows: number
  examples: StagedExample[]
}

const MAX_EXAMPLES = 3

export async function countRejected(client: pg.Client, files: { name: string }[]): Promise<Rejected> {
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
    const named = examples.map((example) => withFiles(example, files))
    return { code: reason.code, field, message: messageOf(reason, field), rows, examples: named }
  })
  reasons.sort((a, b) => b.rows - a.rows || (a.message < b.message ? -1 : 1))
  return { rows: total.rows[0]!.rows, reasons }
}

function withFiles({ line, external_id, other_line }: StagedExample, files: { name: string }[]) {
  const own = decodeFileLine(line)
  const other = other_line === null ? undefined : decodeFileLine(other_line)
  const isOne = files.length === 1
  return {
    ...(!isOne && { file: files[own.file]!.name }),
    line: own.line,
    external_id,
    ...(!isOne && other && { other_file: files[other.file]!.name }),
    other_line: other?.line ?? null,
  }
}

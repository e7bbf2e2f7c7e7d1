/**
 * Writes the rejected rows as they are in the file, with their lines and reasons, so that they can be corrected and
 * imported again. The file contains personal data: only its owner can read it.
 */
import { access, open } from 'node:fs/promises'
import type pg from 'pg'
import { UserFacingError } from '../../user-facing-error.ts'
import type { RejectFormat } from '../read/reject-format.ts'
import { messageOf, type Reason } from '../row-error.ts'

const FETCH_ROWS = 1000

interface RejectedRow {
  line: string
  bytes: Buffer
  errors: { reason: Reason; field: string | null; other_line: number | null }[]
}

/** @throws {UserFacingError} An existing file can contain the rejected rows of an earlier import. */
export async function requireNewFile(path: string) {
  const exists = await access(path).then(
    () => true,
    () => false,
  )
  if (exists) throw new UserFacingError(`${path} exists already: name another file, or remove this one`)
}

/** Resolves when the file is on the disk. */
export async function writeRejectFile(client: pg.Client, path: string, format: RejectFormat) {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.write(Buffer.from(format.header, 'latin1'))
      await client.query(
        `declare rejects no scroll cursor for
           select line, bytes, errors from (
             select record, min(line) as line,
               json_agg(json_build_object('reason', reason::json, 'field', field, 'other_line', other_line)
                 order by field, reason) as errors
             from (select distinct * from rejected) as one group by record) as rejected
           join raw_records using (record) order by record`,
      )
      for (;;) {
        const { rows } = await client.query<RejectedRow>(`fetch ${FETCH_ROWS} from rejects`)
        if (rows.length === 0) break
        const text = rows.map(({ line, bytes, errors }) =>
          format.row(Number(line), bytes.toString('latin1'), errors.map(reasonText)),
        )
        await file.write(Buffer.from(text.join(''), 'latin1'))
      }
      await client.query('close rejects')
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall === undefined) throw error
    throw new UserFacingError(`${path} cannot be written (${code})`)
  }
}

function reasonText({ reason, field, other_line }: RejectedRow['errors'][number]) {
  const message = messageOf(reason, field)
  return other_line === null ? message : `${message} (see line ${other_line})`
}

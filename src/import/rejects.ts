/**
 * The refused rows as they came, each with its line and all of its reasons, in a form that can be mended and
 * imported again. It holds personal data: nobody but its owner reads it.
 */
import { access, open } from 'node:fs/promises'
import type pg from 'pg'
import { REJECT_COLUMNS } from './columns.ts'
import { REJECT_TEXT } from './json-rows.ts'

/** A reject file that cannot be written. */
export class CannotReject extends Error {}

/** How a refused row is written, of a file of this form: text in, a character for a byte out. */
export type RejectLine = (line: number, raw: string, reasons: string[]) => string

const ROWS_AT_ONCE = 1000

/** @throws {CannotReject} rather than writing over what an import before this one refused */
export async function mustNotExist(path: string) {
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (isThere) throw new CannotReject(`${path} is there already: name another file, or remove it`)
}

/** All of it is on the disk when this ends. */
export async function writeRejects(client: pg.Client, path: string, head: string, lineOf: RejectLine) {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.write(Buffer.from(head, 'latin1'))
      await client.query(
        `declare rejects no scroll cursor for
           select line, bytes, reasons from (
             select record, min(line) as line, array_agg(distinct case when also is null then what else what || ' (see line ' || also || ')' end) as reasons
             from refused group by record) as refused join as_it_came using (record) order by record`,
      )
      for (;;) {
        const { rows } = await client.query(`fetch ${ROWS_AT_ONCE} from rejects`)
        if (rows.length === 0) break
        const text = rows.map(({ line, bytes, reasons }) =>
          lineOf(Number(line), bytes.toString('latin1'), reasons),
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
    throw new CannotReject(`${path} cannot be written (${code})`)
  }
}

/** @param encode to the file's encoding, a character for a byte */
export function csvRejects(header: string, delimiter: string, encode: (text: string) => string) {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  const head = `${[...REJECT_COLUMNS, header].join(delimiter)}\n`
  const lineOf: RejectLine = (line, raw, reasons) =>
    `${[line, quoted(encode(reasons.join('; '))), raw].join(delimiter)}\n`
  return { head, lineOf }
}

/** One line each, whatever the file was: an object gets the two fields, anything else stands in a field itself. */
export function jsonRejects(encode: (text: string) => string, decode: (raw: string) => string | undefined) {
  const lineOf: RejectLine = (line, raw, reasons) => {
    const [first, second] = [
      `"${REJECT_COLUMNS[0]}":${line}`,
      `"${REJECT_COLUMNS[1]}":${encode(JSON.stringify(reasons))}`,
    ]
    if (isObject(raw, decode)) {
      const fields = raw.slice(1).replaceAll(/[\r\n]+/g, ' ')
      return `{${first},${second}${fields.trim() === '}' ? '' : ','}${fields}\n`
    }
    return `{${first},${second},"${REJECT_TEXT}":${encode(JSON.stringify(decode(raw) ?? raw))}}\n`
  }
  return { head: '', lineOf }
}

function isObject(raw: string, decode: (raw: string) => string | undefined) {
  if (!raw.startsWith('{')) return false
  try {
    JSON.parse(decode(raw) ?? '')
    return true
  } catch {
    return false
  }
}

import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { FileRecord } from '../../src/import/read/file-record.ts'
import { splitCsv } from '../../src/import/read/split-csv.ts'

/** Splits the text in chunks of this size. */
function split(text: string, size: number, delimiter = ',') {
  const records: FileRecord[] = []
  const splitter = splitCsv({ delimiter }, (record) => records.push(record))
  for (let at = 0; at < text.length; at += size) splitter.write(text.slice(at, at + size))
  splitter.end()
  return records
}

const written = (fields: string[], delimiter: string) =>
  fields
    .map((field) =>
      /["\r\n]/.test(field) || field.includes(delimiter) ? `"${field.replaceAll('"', '""')}"` : field,
    )
    .join(delimiter)

t.test('splitCsv returns the fields that were written, with chunks of any size', async () => {
  const field = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', ';', ' ', '\n', '\r\n', '') })
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain((width) =>
      fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }),
    )
  fc.assert(
    fc.property(
      table.filter((rows) => rows.every((row) => row.some((one) => one.trim() !== ''))),
      fc.constantFrom(',', ';'),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.integer({ min: 1, max: 20 }),
      (rows, delimiter, lineEnd, endsWithLineEnd, size) => {
        const lines = rows.map((row) => written(row, delimiter))
        const text = lines.join(lineEnd) + (endsWithLineEnd ? lineEnd : '')
        let line = 1
        const expected = rows.map((fields, at) => {
          const record = { line, raw: lines[at], fields }
          line += lines[at]!.split('\n').length
          return record
        })
        deepStrictEqual(split(text, size, delimiter), expected)
      },
    ),
    { numRuns: 500 },
  )
})

const STRAY = { code: 'stray_quote' }

t.test('a stray quote rejects one line', async (t) => {
  const text = [
    'a,b',
    '1,"open',
    '2,fine',
    '3,"closed" too early',
    '4,in the "middle"',
    '5,"two\nlines"',
    '6,"two',
    'lines",and a field too many',
    '7,one,two',
    '8',
    ' , ',
    '',
    '9,"never closed',
    '10,fine',
  ].join('\r\n')
  for (const size of [1, 5, 1000])
    t.match(
      split(text, size),
      [
        { line: 1, fields: ['a', 'b'] },
        { line: 2, raw: '1,"open', reason: STRAY },
        { line: 3, fields: ['2', 'fine'] },
        { line: 4, raw: '3,"closed" too early', reason: STRAY },
        { line: 5, reason: STRAY },
        { line: 6, raw: '5,"two\nlines"', fields: ['5', 'two\nlines'] },
        { line: 8, raw: '6,"two', reason: STRAY },
        { line: 9, raw: 'lines",and a field too many', reason: STRAY },
        { line: 10, reason: { code: 'wrong_field_count', found: 3, expected: 2 } },
        { line: 11, reason: { code: 'wrong_field_count', found: 1, expected: 2 } },
        { line: 14, raw: '9,"never closed', reason: STRAY },
        { line: 15, fields: ['10', 'fine'] },
      ],
      `chunks of ${size}`,
    )
})

t.test('a quoted field can have 1 MB; one of more than 4 MB is a stray quote', async (t) => {
  const long = 'x'.repeat(1024 * 1024)
  const [, row] = split(`a,b\n1,"${long}"\n`, 65536)
  t.same(row!.fields, ['1', long])
  const text = `a,b\n1,"${`${'y'.repeat(9999)}\n`.repeat(500)}2,fine\n`
  const records = split(text, 65536)
  t.match(records[1], { line: 2, raw: /^1,"y+$/, reason: STRAY })
  t.match(records.at(-1), { fields: ['2', 'fine'] })
  t.throws(() => split(`a,b\n1,${'z'.repeat(5 * 1024 * 1024)}`, 65536), {
    message: /^Line 2 is longer than 4194304 bytes/,
  })
})

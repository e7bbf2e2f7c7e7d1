/** Ids that spreadsheets escaped or damaged. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { rejected, startImporter } from './start-importer.ts'

const file = (name: string) => readFileSync(join(import.meta.dirname, 'cases', name))
const DOLLARS = ['--money', 'dollars']

const counts = (adjustments: unknown) =>
  Object.fromEntries(
    (adjustments as { message: string; count: number }[]).map(({ message, count }) => [message, count]),
  )

t.test('escapes of spreadsheets, and ids that a spreadsheet damaged', async (t) => {
  const importer = await startImporter(t)
  const ids = async () => (await importer.accounts()).map(({ external_id }) => external_id)
  const removed = 'an escape of a spreadsheet (an apostrophe, or ="…") was removed'
  for (const [name, count] of [
    ['ids-apostrophe.csv', 2],
    ['ids-equals-quote.csv', 4],
  ] as const) {
    await importer.database.query('delete from tratta_jit.debt_accounts; delete from tratta_jit.customers')
    const event = await importer.event(file(name), ...DOLLARS)
    t.match(event, { loaded: true, rows_rejected: 0 }, name)
    t.same(counts(event.changed), { [removed]: count })
    t.same(await ids(), ['0012345', '0012346'])
  }
  await importer.database.query('delete from tratta_jit.debt_accounts; delete from tratta_jit.customers')
  const head = 'external_id,balance,customer_external_id,customer_name\n'
  const others = `${head}"=""0012345""",1,'C-1,"'Aho, Kim"\n`
  t.same(counts((await importer.event(others, ...DOLLARS)).changed), { [removed]: 2 })
  t.same(await importer.database.query('select external_id, name from tratta_jit.customers'), [
    { external_id: 'C-1', name: "'Aho, Kim" },
  ])
  t.same(await ids(), ['0012345'])

  t.same(rejected(await importer.event(file('ids-scientific.csv'), ...DOLLARS)), {
    'debt_account.external_id is a number in scientific notation: a spreadsheet removed digits of the id (--allow-suspicious loads it)':
      [2, 3],
  })
  t.match(await importer.event(file('ids-scientific.csv'), ...DOLLARS, '--allow-suspicious'), {
    loaded: true,
  })
  const suspicious = [
    '1E+15',
    '#N/A',
    '####',
    '1/2/2026',
    '2026-01-02',
    '5-Mar',
    'Mar-26',
    '12345.0',
    'TOTAL',
    'TRUE',
  ]
  const event = await importer.event(
    `${head}${suspicious.map((id) => `${id},1,,x`).join('\n')}\n`,
    ...DOLLARS,
  )
  t.equal(event.rows_rejected, suspicious.length)
  const good = [
    '1E5',
    'A-1',
    '12-34',
    '1.2.3',
    'TOTAL-1',
    'ITEM 5',
    'Account-12',
    '5-Mark',
    '12/34',
    '0.5',
    '#1',
    '2026',
    '20260102',
  ]
  t.match(await importer.event(`${head}${good.map((id) => `${id},1,,`).join('\n')}\n`, ...DOLLARS), {
    loaded: true,
    rows_rejected: 0,
  })
  t.match(await importer.event(`${head.trim()},parent_external_id\n9,1,,,#N/A\n`, ...DOLLARS), {
    rows_rejected: 1,
  })
})

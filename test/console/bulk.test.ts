/** The pages Bulk, Imports and Setup after a push with rejections, an import, and a probe. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { run, SECRET } from '../support/program.ts'
import { NO_BROWSER, startBrowser } from './browser.ts'
import { PASSWORD, signIn, startConsole, USER } from './start-console.ts'

t.test('Bulk, Imports and Setup in a browser', { skip: NO_BROWSER }, async (t) => {
  const [running, browser] = await Promise.all([startConsole(t), startBrowser(t)])
  const { adminUrl, database, settings } = running
  const { page, reports } = await browser.open({ acceptDownloads: true })
  await signIn(page, adminUrl)

  await t.test('before anything was sent or imported: what to do next', async () => {
    await page.goto(`${adminUrl}/bulk`)
    await page.getByText('tratta-jit bulk push --dry-run').waitFor()
    await page.goto(`${adminUrl}/imports`)
    await page.getByText('There are no imports yet.').waitFor()
  })

  await t.test(
    'Bulk: the run, rejections by message, rows and CSV, with a record of the reads',
    async (t) => {
      await database.query(ORPHANS)
      t.match(await run(t, ['bulk', 'push'], { ...settings, TRATTA_BULK_WAIT_SECONDS: '0' }), { code: 3 })
      await page.goto(`${adminUrl}/bulk`)
      await page.getByText('debt_account has no customer').waitFor()
      t.equal(await page.getByRole('progressbar').count(), 1)
      await page.getByRole('button', { name: 'Show rows' }).click()
      await page.getByRole('cell', { name: 'orphan-1', exact: true }).waitFor()
      await page.goto(`${adminUrl}/bulk`)
      const downloading = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Download CSV' }).click()
      const csv = readFileSync(await (await downloading).path(), 'utf8')
      const { stdout } = await run(t, ['bulk', 'errors', '--csv'], settings)
      t.equal(csv.replaceAll('\r\n', '\n'), stdout)
      t.match(csv, /orphan-1,us,rejected,debt_account has no customer/)
      t.match(
        await database.query(
          "select user_name, command from tratta_jit.reads where command like 'console%' order by time",
        ),
        [
          { user_name: USER, command: 'console bulk rows' },
          { user_name: USER, command: 'console bulk csv' },
        ],
      )
    },
  )

  await t.test('Imports: what was loaded and rejected, by reason, without values', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-import-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'accounts.csv')
    writeFileSync(file, 'external_id,balance\nimported-1,10.00\nimported-2,not-an-amount-4711\n')
    t.match(await run(t, ['import', file, '--money', 'dollars'], settings), { code: 1 })
    await page.goto(`${adminUrl}/imports`)
    await page.getByText('accounts.csv').waitFor()
    await page.getByRole('cell', { name: 'rejected', exact: true }).waitFor()
    t.notMatch(await page.content(), 'not-an-amount-4711')
    await page.goto(adminUrl)
    await page.getByText('accounts.csv').waitFor()
  })

  await t.test('Setup: settings without secrets, and readings', async (t) => {
    await database.query(`insert into tratta_jit.readings (api_url, name, value, result, found, version)
      values ('${settings.TRATTA_API_URL}', 'ssn_last4', 'text', 'differs', 'Tratta rejects a number', '0.1.0')`)
    await page.goto(`${adminUrl}/setup`)
    await page.getByText('Tratta rejects a number').waitFor()
    await page.getByText('JIT_DEADLINE_MS', { exact: true }).waitFor()
    const content = await page.content()
    t.match(content, 'set, not shown')
    const { password } = new URL(database.url)
    for (const secret of [SECRET, PASSWORD, 'simulated-token', `:${password}@`])
      t.notOk(content.includes(secret), secret.length > 4 ? 'no secret' : secret)
  })

  t.same(reports, [], 'no error, warning or violated policy in the browser')
})

const ORPHANS = `insert into tratta_jit.debt_accounts (external_id, balance)
  values ('orphan-1', 100), ('orphan-2', 200)`

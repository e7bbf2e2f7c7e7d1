/** The pages Account and Check in a real browser, and that personal values appear only after "Reveal". */
import type { Page } from 'playwright-core'
import t from 'tap'
import { NO_BROWSER, startBrowser } from './browser.ts'
import { type Console, signIn, startConsole, USER } from './start-console.ts'

/** Names, contacts, SSN digits, birth dates, addresses and metadata of the sample. */
const PERSONAL = [
  'Tremaine',
  'Abbott',
  'Test Customer',
  'tatum.marks',
  '489-899-2182',
  '1990-01-01',
  '9098',
  'Streich',
  'perspiciatis',
  'Núñez',
  'mj.nunez',
  '555-0142',
  '1984-02-29',
  '0042',
  'Alder St',
  'preferred_language',
  '陳大文',
  '503 555 0187',
  'Cardiology',
  '2025-11-04',
  'MG-77120',
  'Mercy General',
  'Omitted Person',
]
const ACCOUNTS = [
  'A-500100',
  'A-500200',
  'A-500300',
  'debt-account-123',
  'parent-external-id',
  'omits',
  'nobody',
]
const PATHS = ['', 'calls', 'account', 'bulk', 'imports', 'check', 'setup', 'api']

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

async function showAccount(page: Page, { adminUrl }: Console, id: string) {
  await page.goto(`${adminUrl}/account`)
  await page.getByLabel('external_id').fill(id)
  await button(page, 'Show').click()
  await page.getByRole('heading', { name: 'What Tratta would get now' }).waitFor()
}

/** The text of the cell beside a field. */
const shownValue = (page: Page, field: string) =>
  page
    .getByRole('row')
    .filter({ has: page.getByText(field, { exact: true }) })
    .locator('td')
    .last()
    .textContent()

t.test('Account and Check in a browser', { skip: NO_BROWSER }, async (t) => {
  const [running, browser] = await Promise.all([startConsole(t), startBrowser(t)])
  const { adminUrl, database } = running
  const { page, reports } = await browser.open({ viewport: { width: 1200, height: 800 } })
  const urls: string[] = []
  page.on('request', (request) => urls.push(request.url()))
  const reads = (command: string) =>
    database.query(`select user_name, external_id, result from tratta_jit.reads where command = '${command}'`)
  await signIn(page, adminUrl)

  await t.test('no personal value without Reveal: in no page, URL, storage or log', async (t) => {
    const seen: string[] = []
    for (const id of ACCOUNTS) {
      await running.ask(id)
      await showAccount(page, running, id)
      seen.push(await page.content())
      if (id !== 'nobody') {
        await button(page, 'Ask Tratta to call').click()
        await page.getByRole('heading', { name: 'Tratta’s call' }).waitFor()
        seen.push(await page.content())
      }
    }
    for (const path of PATHS) {
      await page.goto(`${adminUrl}/${path}`)
      seen.push(await page.content())
    }
    await page.goto(`${adminUrl}/calls`)
    for (let call = 0; call < ACCOUNTS.length; call++) {
      await page.getByRole('link', { name: 'Show call' }).nth(call).click()
      await page.getByRole('heading', { name: 'Time line' }).waitFor()
      seen.push(await page.content())
      await page.goBack()
    }
    seen.push(
      JSON.stringify(await page.context().storageState()),
      await page.evaluate('JSON.stringify({ ...localStorage, ...sessionStorage })'),
      running.stdout(),
      running.stderr(),
      ...urls,
    )
    t.ok(seen.join('').includes('A-500100') && seen.length > 100)
    t.same(
      PERSONAL.filter((value) => seen.some((text) => text.includes(value))),
      [],
    )
    t.same(
      urls.filter((url) => ACCOUNTS.some((id) => url.includes(id))),
      [],
      'no id in a URL',
    )
  })

  await t.test('Reveal shows the values, and is recorded with the name of the user', async (t) => {
    t.same(await reads('console reveal'), [])
    await showAccount(page, running, 'A-500200')
    t.equal(await shownValue(page, 'customer.name'), 'hidden')
    t.equal(await shownValue(page, 'debt_account.current_balance'), '$402.15')
    await button(page, 'Reveal personal values').click()
    await page.getByText('María-José Núñez').waitFor()
    t.equal(await shownValue(page, 'customer.date_of_birth'), '1984-02-29')
    t.equal(await shownValue(page, 'customer.metadata.preferred_language'), 'es')
    t.same(await reads('console reveal'), [{ user_name: USER, external_id: 'A-500200', result: null }])
    await page.getByRole('cell', { name: 'console reveal' }).waitFor()
  })

  await t.test('nothing is shown when a read cannot be recorded', async (t) => {
    await database.query('alter table tratta_jit.reads rename to away')
    await page.goto(`${adminUrl}/account`)
    await page.getByLabel('external_id').fill('A-500200')
    await button(page, 'Show').click()
    await page.getByRole('heading', { name: 'Error' }).waitFor()
    t.notMatch(await page.content(), '402.15')
    await database.query('alter table tratta_jit.away rename to reads')
    t.equal(reports.splice(0).length, 1, 'Chromium reports the status 500')
  })

  await t.test('Ask Tratta to call: the answer beside what Tratta holds', async (t) => {
    await showAccount(page, running, 'A-500300')
    await button(page, 'Ask Tratta to call').click()
    await page.getByText('Tratta accepted the answer.').waitFor()
    const row = page.getByRole('row').filter({ hasText: 'debt_account.current_balance' })
    t.same(await row.locator('td').allTextContents(), ['$74.25', '$74.25'])
    t.match(
      await reads('trigger'),
      [{ user_name: USER, external_id: 'A-500300', result: 'accepted' }].slice(1),
    )

    await showAccount(page, running, 'nobody')
    await button(page, 'Ask Tratta to call').click()
    await page.getByText('This service answered with an error').waitFor()
    await page.getByRole('link', { name: 'Show the call' }).click()
    await page.getByText('account_not_found', { exact: true }).waitFor()
  })

  await t.test('an id of markup is text', async (t) => {
    const id = `<img src=x onerror="document.title='x'">`
    await running.ask(id)
    await showAccount(page, running, id)
    await page.goto(`${adminUrl}/calls`)
    await page.getByRole('cell', { name: id, exact: true }).first().waitFor()
    t.equal(await page.locator('img').count(), 0)
  })

  await t.test('Check: a run with progress, then its results; a full run can be canceled', async (t) => {
    await database.query(MANY_ROWS_WITHOUT_INDEX)
    await page.goto(`${adminUrl}/check`)
    await button(page, 'Run a quick check').click()
    await page.getByText(/^\d+ errors, \d+ warnings, \d+ ok, \d+ skipped$/).waitFor()
    t.match(
      await page.locator('.results li').first().textContent(),
      /^(error|warning) indexes/,
      'errors first',
    )
    t.equal(await page.locator('.results li').first().getByRole('button', { name: 'Copy' }).count(), 1)

    await database.query(SLOW_VIEW)
    await button(page, 'Run a full check').click()
    await button(page, 'Cancel the check').click()
    await page.getByText('The check was canceled.').waitFor()
    await button(page, 'Run a quick check').waitFor()
  })

  t.same(reports, [], 'no error, warning or violated policy in the browser')
})

const MANY_ROWS_WITHOUT_INDEX = `
  drop index tratta_jit.debt_accounts_parent_external_id_idx;
  insert into tratta_jit.debt_accounts (external_id, balance)
    select 'row-' || number, 1 from generate_series(1, 20000) as number;
  analyze tratta_jit.debt_accounts;`

const SLOW_VIEW = `
  alter table tratta_jit.debt_accounts rename to accounts;
  create view tratta_jit.debt_accounts as select *, pg_sleep(0.2)::text as slow from tratta_jit.accounts;`

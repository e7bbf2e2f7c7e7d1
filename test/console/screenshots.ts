/** `npm run screenshots`: makes the pictures of docs/console.md, in light and dark. */
import { mkdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { NO_BROWSER, startBrowser } from './browser.ts'
import { signIn, startConsole } from './start-console.ts'

const FOLDER = 'docs/console'
const SIZE = { width: 1000, height: 760 }

t.test('screenshots', { skip: NO_BROWSER }, async (t) => {
  const [running, browser] = await Promise.all([startConsole(t), startBrowser(t)])
  const { adminUrl, database } = running
  await database.query(CALLS_OF_A_DAY)
  for (const id of ['nobody', 'omits', 'A-500200', 'A-500300', 'A-500100']) await running.ask(id)
  mkdirSync(FOLDER, { recursive: true })
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, reports } = await browser.open({ viewport: SIZE, colorScheme })
    const shoot = async (name: string) =>
      writeFileSync(`${FOLDER}/${name}-${colorScheme}.png`, await page.screenshot({ animations: 'disabled' }))
    await signIn(page, adminUrl, 'Ada')
    await page.locator('.chart').first().waitFor()
    await page.getByText('A-77', { exact: false }).first().waitFor()
    await shoot('overview')
    await page.goto(`${adminUrl}/calls`)
    await page.getByRole('cell', { name: 'A-500100' }).first().waitFor()
    await shoot('calls')
    await page.goto(`${adminUrl}/account`)
    await page.getByLabel('external_id').fill('A-500300')
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    await page.getByRole('button', { name: 'Ask Tratta to call' }).click()
    await page.getByText('Tratta accepted the answer.').waitFor()
    await shoot('account')
    await page.goto(`${adminUrl}/check`)
    await page.getByRole('button', { name: 'Run a quick check' }).click()
    await page.getByText(/^\d+ errors, \d+ warnings, \d+ ok, \d+ skipped$/).waitFor()
    await shoot('check')
    t.same(reports, [])
  }
})

/** More calls at noon than at night. The seed is fixed. */
const CALLS_OF_A_DAY = `
  select setseed(0.5);
  insert into tratta_jit.calls (time, request_id, external_id, outcome, status, ms, connection_ms, database_ms, replica,
      client, balance, current_balance, children, omitted)
    select date_trunc('milliseconds', now() - (random() ^ 1.5) * interval '1 day'), 'made-' || number,
      'A-77' || 1000 + number % 900,
      case when number % 97 = 0 then 'deadline_exceeded' when number % 23 = 0 then 'account_not_found' else 'answered' end,
      case when number % 97 = 0 then 504 when number % 23 = 0 then 404 else 200 end,
      case when number % 97 = 0 then 120 else 2 + random() * 12 + exp(random() * 3) end, 0.1, 2, 'jit-1:7', '203.0.113.7',
      100000, 90000 + number, number % 3, case when number % 40 = 0 then array['customer.email'] end
    from generate_series(1, 4000) as number;`

/** The pages in a real browser: what they show, and what their forms and their script do. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import t from 'tap'
import { NO_BROWSER, startBrowser } from './browser.ts'
import { signIn, startConsole, USER } from './start-console.ts'

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8')
const PAGES = ['', 'calls', 'account', 'bulk', 'imports', 'check', 'setup', 'api']

interface Violation {
  id: string
  impact: string
  nodes: { html: string }[]
}

/** Serious violations of accessibility rules. Evaluated through the debugger, which the policy does not limit. */
async function violations(page: Page) {
  await page.evaluate(AXE)
  const found = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as Violation[]
  return found
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name, exact: true }).waitFor()
const cell = (page: Page, text: string) => page.getByRole('cell', { name: text, exact: true })

t.test('the console in a browser', { skip: NO_BROWSER }, async (t) => {
  const [running, browser] = await Promise.all([startConsole(t), startBrowser(t)])
  const { adminUrl, database } = running
  const { page, reports } = await browser.open({ viewport: { width: 1200, height: 800 } })
  await running.ask('A-500100')
  const stored = async (id: string) => {
    while ((await database.query(`select from tratta_jit.calls where external_id = '${id}'`)).length === 0)
      await pause(50)
  }

  await t.test('sign-in: a wrong password shows an error, the right one the overview', async (t) => {
    await page.goto(adminUrl)
    await heading(page, 'Sign in')
    t.same(await violations(page), [])
    await page.getByLabel('Your name').fill(USER)
    await page.getByLabel('Password').fill('not the right password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The password is wrong.').waitFor()
    t.equal(reports.splice(0).length, 1, 'Chromium reports the status 403')
    await signIn(page, adminUrl)
    t.equal(new URL(page.url()).pathname, '/')
    await page.getByText('Ready to answer calls').waitFor()
  })

  await t.test(
    'every page: a heading, no serious accessibility violation, nothing wider than the window',
    async (t) => {
      await database.query(SOME_CALLS)
      for (const scheme of ['light', 'dark'] as const)
        for (const path of PAGES) {
          await page.emulateMedia({ colorScheme: scheme })
          await page.goto(`${adminUrl}/${path}`)
          t.equal(await page.getByRole('heading', { level: 1 }).count(), 1, path)
          t.same(await violations(page), [], `${path} ${scheme}`)
          await page.setViewportSize({ width: 375, height: 700 })
          t.equal(await page.evaluate('document.documentElement.scrollWidth'), 375, `${path} at 375 px`)
          await page.setViewportSize({ width: 1200, height: 800 })
        }
      await page.emulateMedia({ colorScheme: 'light' })
    },
  )

  await t.test('calls: filters, pages and one call', async (t) => {
    await page.goto(`${adminUrl}/calls`)
    await page.getByLabel('Outcome').selectOption('account_not_sendable')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.waitForURL(/outcome=account_not_sendable/)
    t.equal(await page.getByRole('row').count(), 1 + 2)
    await page.getByLabel('Slower than').fill('100')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.waitForURL(/slower_than=100/)
    t.equal(await page.getByRole('row').count(), 1 + 1)
    await page.getByRole('link', { name: 'Show call of many' }).click()
    await heading(page, 'Call')
    await page.getByText('Tratta would reject it: it must be an e-mail address.').waitFor()
    await page.getByText('Lookup in Postgres').waitFor()
    t.equal(await cell(page, '180 ms').count(), 1)

    await page.goto(`${adminUrl}/calls`)
    t.equal(await page.getByRole('row').count(), 1 + 50)
    await page.getByRole('link', { name: 'Older calls' }).click()
    await page.waitForURL(/before=/)
    t.ok((await page.getByRole('row').count()) > 10)
    await page.goto(`${adminUrl}/call?id=unknown`).catch(() => {})
    await page.getByText('The call log does not have this call.').waitFor()
    t.equal(reports.splice(0).length, 1, 'Chromium reports the status 404')
  })

  await t.test('calls: a call appears while the page is open, unless the switch is off', async (t) => {
    await page.goto(`${adminUrl}/calls`)
    await running.ask('nobody-live')
    await cell(page, 'nobody-live').waitFor()
    await page.getByLabel('Show new calls as they arrive').uncheck()
    await running.ask('nobody-later')
    await stored('nobody-later')
    t.equal(await cell(page, 'nobody-later').count(), 0)
    await page.getByLabel('Show new calls as they arrive').check()
    await cell(page, 'nobody-later').waitFor()
  })
})

const SOME_CALLS = `
  insert into tratta_jit.calls (time, request_id, external_id, outcome, status, ms, connection_ms, database_ms, replica,
      client, omitted, error)
    select date_trunc('milliseconds', now() - number * interval '1 minute'), 'request-' || number, 'many',
      case number when 1 then 'account_not_sendable' when 2 then 'account_not_sendable' else 'answered' end, 200,
      case number when 1 then 200 else 5 end, case number when 1 then 10 else 1 end,
      case number when 1 then 190 else 4 end, 'test:1', '127.0.0.1', array['customer.email'], null
    from generate_series(1, 70) as number`

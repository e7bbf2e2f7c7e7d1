/** `serve` with the console, the sample accounts, and a simulated Tratta at which it is registered. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { freePort } from '../support/child-process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Service, service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from '../tratta/settings.ts'

export const PASSWORD = 'only-for-tests-of-the-console'
export const USER = 'Operator One'

export interface Console extends Service {
  database: TestDatabase
  /** For commands beside `serve`. */
  settings: ReturnType<typeof trattaSettings>
}

export async function startConsole(t: Test, env: Record<string, string> = {}): Promise<Console> {
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  await database.query(OMITS_A_FIELD)
  const { simulator } = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY })
  const port = await freePort()
  const settings = trattaSettings(database.url, simulator.url, `http://127.0.0.1:${port}`)
  const running = await service(t, database.url, {
    ...settings,
    PORT: String(port),
    CONSOLE_PASSWORD: PASSWORD,
    ...env,
  })
  await running.line(({ event }) => event === 'registered')
  return { ...running, database, settings }
}

/** An account whose customer has a phone number that is omitted. */
const OMITS_A_FIELD = `
  alter table tratta_jit.customers drop constraint customers_phone_check;
  insert into tratta_jit.customers (external_id, name, phone) values ('C-omits', 'Omitted Person', '12');
  insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values ('omits', 'C-omits', 100);`

export async function signIn(page: Page, url: string, user = USER) {
  await page.goto(url)
  await page.getByLabel('Your name').fill(user)
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
}

/** Sends a form without a browser. */
export const post = (url: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' })

/** @returns the Cookie header of a new session, and the token of its forms */
export async function signInByHttp(url: string, headers: Record<string, string> = {}) {
  const response = await post(`${url}/sign-in`, { user: USER, password: PASSWORD }, headers)
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const page = await (await fetch(`${url}/account`, { headers: { ...headers, cookie } })).text()
  return { cookie, token: /name="token" value="([^"]+)"/.exec(page)?.[1] ?? '' }
}

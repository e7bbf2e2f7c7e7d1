/** Runs everything on one machine with nothing installed: a real Postgres, the responder, the simulated Tratta. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { readConfig } from '../config.ts'
import { migrate } from '../database/migrate.ts'
import { createLog } from '../log.ts'
import { serve } from '../responder/serve.ts'
import { createSimulator, type Simulator } from '../simulator/create-simulator.ts'
import { print } from '../terminal/output.ts'
import { type RegistrationConfig, trattaClient } from '../tratta/jit-url.ts'
import { FAMILY_OF_TWO_CUSTOMERS, makeSampleCalls } from './demo-calls.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

const SAMPLE = new URL('../../sample/accounts.sql', import.meta.url)
const ACCOUNT = 'A-500100'
const POLL_MS = 50
const REGISTRATION_TIMEOUT_MS = 10_000

/**
 * @param closing receives the functions that close what was opened, in the order of opening
 * @param signal aborts the start of the responder
 */
export async function startDemo(closing: (() => Promise<void>)[], signal: AbortSignal) {
  await print('Starting a temporary Postgres …')
  const postgres = await startEmbeddedPostgres()
  closing.push(postgres.stop)
  await loadSample(postgres.url)

  await print('Starting a simulated Tratta …')
  const tratta = await createSimulator()
  closing.push(tratta.close)

  const port = await freePort()
  const password = randomBytes(12).toString('base64url')
  const environment = {
    DATABASE_URL: postgres.url,
    JIT_SECRET: randomBytes(24).toString('base64url'),
    HOST: '127.0.0.1',
    PORT: String(port),
    ADMIN_PORT: '0',
    CONSOLE_PASSWORD: password,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    TRATTA_API_URL: tratta.url,
    TRATTA_API_TOKEN: tratta.settings.token,
  }
  const config: RegistrationConfig = readConfig(
    environment,
    'DATABASE_URL',
    'JIT_SECRET',
    'PUBLIC_URL',
    'TRATTA_API_URL',
    'TRATTA_API_TOKEN',
  )
  await print('Starting tratta-jit …')
  const responder = await serve(config, createLog('silent').log, {
    migrateFirst: true,
    signal,
    environment,
  })
  closing.push(() => responder.stop())
  await waitForRegistration(tratta)
  await print(
    `tratta-jit registered its URL at Tratta: POST ${tratta.url}/just-in-time, url=${responder.url}/jit/…\n`,
  )

  const jitUrl = tratta.jitUrls.at(-1)!
  await makeSampleCalls(jitUrl, postgres.url)
  const url = `${jitUrl}?debt_account_external_id=${ACCOUNT}`
  const start = performance.now()
  const response = await fetch(url)
  const ms = (performance.now() - start).toFixed(1)
  await print(
    `While the debtor is on the phone, Tratta sends\n\n  GET /jit/…?debt_account_external_id=${ACCOUNT}\n`,
  )
  await print(`tratta-jit returns ${response.status} after ${ms} ms:\n`)
  await print(`${indented(await response.json())}\n`)

  const { body } = await trattaClient(config).trigger(ACCOUNT)
  await print(`Tratta (POST ${tratta.url}/just-in-time/trigger) stores:\n`)
  await print(`${indented(summary(body))}\n`)

  await print(
    `tratta-jit is still running. Send a request yourself, in another terminal:\n\n  curl '${url}'\n`,
  )
  await print(
    'Other accounts: A-500200 (every field), A-500101 (a child), A-500300 (no parent, no children), nobody (404).',
  )
  await print(
    `\nSee every call in the browser:\n\n  ${responder.adminUrl}  with any name and the password ${password}\n`,
  )
  await print('Press Ctrl-C to stop the demo and remove its data.')
}

async function loadSample(url: string) {
  const pool = new pg.Pool({ connectionString: url })
  try {
    await migrate(pool)
    await pool.query(await readFile(SAMPLE, 'utf8'))
    await pool.query(FAMILY_OF_TWO_CUSTOMERS)
  } finally {
    await pool.end()
  }
}

/** PUBLIC_URL contains the port, so the port must be known before the responder starts. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function waitForRegistration(tratta: Simulator) {
  for (let waitedMs = 0; tratta.jitUrls.length === 0; waitedMs += POLL_MS) {
    if (waitedMs > REGISTRATION_TIMEOUT_MS) throw new Error('tratta-jit did not register its URL')
    await sleep(POLL_MS)
  }
}

/** The identifiers and balances of the resources that Tratta stored. */
function summary(body: unknown) {
  const { customer, location, debt_account, child_debt_accounts } = (body as { data: Record<string, never> })
    .data
  const account = ({ external_id, uuid, balance, current_balance }: Record<string, unknown>) => ({
    external_id,
    uuid,
    balance,
    current_balance,
  })
  const named = ({ external_id, uuid, name }: Record<string, unknown>) => ({ external_id, uuid, name })
  return {
    customer: named(customer!),
    location: named(location!),
    debt_account: account(debt_account!),
    child_debt_accounts: (child_debt_accounts! as Record<string, unknown>[]).map(account),
  }
}

const indented = (value: unknown) => JSON.stringify(value, null, 2).replace(/^/gm, '  ')

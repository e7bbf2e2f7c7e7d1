/** All of it on one machine with nothing installed: a real Postgres, the responder, the simulated Tratta. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { readConfig } from '../config.ts'
import { migrate } from '../database/migrate.ts'
import { createLog } from '../log.ts'
import { serve } from '../responder/serve.ts'
import { createSimulator, type Simulator } from '../simulator/create-simulator.ts'
import { print } from '../terminal/output.ts'
import { type RegistrationConfig, trattaClient } from '../tratta/jit-url.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

const SAMPLE = new URL('../../sample/accounts.sql', import.meta.url)
const ACCOUNT = 'A-500100'

/**
 * @param closing gets what has to be closed again, in the order in which it was opened
 * @param signal ends the start of the responder
 */
export async function startDemo(closing: (() => Promise<void>)[], signal: AbortSignal) {
  print('Starting a Postgres of its own …')
  const postgres = await startEmbeddedPostgres()
  closing.push(postgres.stop)
  await loadSample(postgres.url)

  print('Starting a simulated Tratta …')
  const tratta = await createSimulator()
  closing.push(tratta.close)

  const port = await freePort()
  const config: RegistrationConfig = readConfig(
    {
      DATABASE_URL: postgres.url,
      JIT_SECRET: randomBytes(24).toString('base64url'),
      HOST: '127.0.0.1',
      PORT: String(port),
      ADMIN_PORT: '0',
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      TRATTA_API_URL: tratta.url,
      TRATTA_API_TOKEN: tratta.settings.token,
    },
    'DATABASE_URL',
    'JIT_SECRET',
    'PUBLIC_URL',
    'TRATTA_API_URL',
    'TRATTA_API_TOKEN',
  )
  print('Starting tratta-jit …')
  const responder = await serve(config, createLog('silent').log, { migrateFirst: true, signal })
  closing.push(() => responder.stop())
  await registered(tratta)
  print(`It has registered itself: POST ${tratta.url}/just-in-time, url=${responder.url}/jit/…\n`)

  const question = `${tratta.jitUrls.at(-1)}?debt_account_external_id=${ACCOUNT}`
  const asked = performance.now()
  const answer = await fetch(question)
  print(
    `Tratta asks, while somebody waits on the phone:\n\n  GET /jit/…?debt_account_external_id=${ACCOUNT}\n`,
  )
  print(`tratta-jit answers ${answer.status}, after ${(performance.now() - asked).toFixed(1)} ms:\n`)
  print(`${indented(await answer.json())}\n`)

  const { body } = await trattaClient(config).trigger(ACCOUNT)
  print(`Tratta made of it (POST ${tratta.url}/just-in-time/trigger), and now holds:\n`)
  print(`${indented(summary(body))}\n`)

  print(`It goes on answering. Ask yourself, in another terminal:\n\n  curl '${question}'\n`)
  print(
    'Others to ask for: A-500200 (everything set), A-500101 (a child), A-500300 (a lone one), nobody (404).',
  )
  print('Ctrl-C ends it and leaves nothing behind.')
}

async function loadSample(url: string) {
  const pool = new pg.Pool({ connectionString: url })
  try {
    await migrate(pool)
    await pool.query(await readFile(SAMPLE, 'utf8'))
  } finally {
    await pool.end()
  }
}

/** PUBLIC_URL has to be known before the port is open. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function registered(tratta: Simulator) {
  for (let patience = 0; tratta.jitUrls.length === 0; patience++) {
    if (patience > 200) throw new Error('tratta-jit did not register itself')
    await pause(50)
  }
}

/** What Tratta gave each resource, and its sums: enough to see that it is all there. */
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

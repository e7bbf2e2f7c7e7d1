/** Calls with different outcomes, so that the call log of the demo has something to show. */
import pg from 'pg'

/** The customer of the child is another one: it is omitted from its family, and cannot be sent itself. */
export const FAMILY_OF_TWO_CUSTOMERS = `
  insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance, current_balance)
    values ('A-500400', 'customer-123', 250000, 180000);
  insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, balance)
    values ('A-500401', 'A-500400', 'C-20417', 70000);`

const IDS = [
  'A-500100',
  'A-500200',
  'A-500101',
  'A-500300',
  'nobody',
  'A-500400',
  'A-500401',
  'debt-account-123',
  '',
]
const IMPATIENT_MS = 300

/** @param jitUrl the registered URL */
export async function makeSampleCalls(jitUrl: string, databaseUrl: string) {
  const call = async (id: string, signal?: AbortSignal) => {
    const url = `${jitUrl}?debt_account_external_id=${encodeURIComponent(id)}`
    await (await fetch(url, signal ? { signal } : {})).arrayBuffer()
  }
  for (const id of IDS) await call(id)
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    // The lookup waits for the lock, and the client disconnects before.
    await client.query('begin; lock table tratta_jit.debt_accounts in access exclusive mode')
    await call('A-500100', AbortSignal.timeout(IMPATIENT_MS)).catch(() => {})
  } finally {
    await client.end()
  }
}

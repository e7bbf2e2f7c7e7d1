/** Which customers a push goes through, page by page, whatever their number. */
import type pg from 'pg'
import type { CustomersPage, Source } from './read-customers.ts'

const KEYS_AT_ONCE = 20_000
const CUSTOMERS_AT_ONCE = 250
const PAGES_AHEAD = 2

/** Customers behind this one. Some pages are read while one is worked on. */
export async function* pagesAfter(
  source: Source,
  position: string,
  signal: AbortSignal,
): AsyncGenerator<CustomersPage> {
  const reading: Promise<CustomersPage>[] = []
  const read = (keys: string[]) => {
    const page = source.customers(keys)
    // It is awaited later, or not at all.
    page.catch(() => {})
    reading.push(page)
  }
  try {
    for (let after = position; ; ) {
      const keys = await source.keysAfter(after, KEYS_AT_ONCE)
      if (keys.length === 0) break
      after = keys.at(-1)!
      for (let from = 0; from < keys.length; from += CUSTOMERS_AT_ONCE) {
        if (reading.length > PAGES_AHEAD) yield await reading.shift()!
        signal.throwIfAborted()
        read(keys.slice(from, from + CUSTOMERS_AT_ONCE))
      }
    }
    while (reading.length > 0) yield await reading.shift()!
  } finally {
    await Promise.allSettled(reading)
  }
}

/** Customers with something that was refused, by whomever. */
export async function* refusedPages(
  pool: pg.Pool,
  source: Source,
  target: number,
): AsyncGenerator<CustomersPage> {
  for (let position = ''; ; ) {
    const { rows } = await pool.query<{ key: string }>(
      `select distinct customer_external_id as key from tratta_jit.bulk_refusals
       where target = $1 and customer_external_id > $2 order by 1 limit $3`,
      [target, position, CUSTOMERS_AT_ONCE],
    )
    if (rows.length === 0) return
    position = rows.at(-1)!.key
    yield await source.customers(rows.map(({ key }) => key))
  }
}

/** The same for accounts that stood below no customer, and now do. */
export async function* foundPages(source: Source, accounts: string[]): AsyncGenerator<CustomersPage> {
  const keys = accounts.length > 0 ? await source.customersOf(accounts) : []
  for (let from = 0; from < keys.length; from += CUSTOMERS_AT_ONCE)
    yield await source.customers(keys.slice(from, from + CUSTOMERS_AT_ONCE))
}

export async function refusedWithoutCustomer(pool: pg.Pool, target: number): Promise<string[]> {
  const { rows } = await pool.query(
    `select debt_account_external_id from tratta_jit.bulk_refusals
     where target = $1 and customer_external_id = ''`,
    [target],
  )
  return rows.map((row) => row.debt_account_external_id)
}

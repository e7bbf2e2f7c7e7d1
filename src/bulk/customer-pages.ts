/** The customers of a push, page by page. */
import type pg from 'pg'
import type { CustomerSource, CustomersPage } from './customer-source.ts'

const KEYS_PER_QUERY = 20_000
const CUSTOMERS_PER_PAGE = 250
const PAGES_AHEAD = 2
/** A view without an index is computed once for each page. Larger pages then cost less for each customer. */
const SLOW_PAGE_MS = 250
const MAX_CUSTOMERS_PER_PAGE = 4000

/** Customers after this one, in the order of their bytes. Reads some pages ahead. */
export async function* pagesAfter(
  source: CustomerSource,
  position: string,
  signal: AbortSignal,
): AsyncGenerator<CustomersPage> {
  const reading: Promise<CustomersPage>[] = []
  let pageSize = CUSTOMERS_PER_PAGE
  const readPage = async (keys: string[]) => {
    const start = performance.now()
    const page = await source.customers(keys)
    const isSlow = performance.now() - start > SLOW_PAGE_MS
    if (isSlow && keys.length === pageSize) pageSize = Math.min(pageSize * 2, MAX_CUSTOMERS_PER_PAGE)
    return page
  }
  const read = (keys: string[]) => {
    const page = readPage(keys)
    // It is awaited later, or not at all.
    page.catch(() => {})
    reading.push(page)
  }
  try {
    for (let after = position; ; ) {
      const keys = await source.keysAfter(after, KEYS_PER_QUERY)
      if (keys.length === 0) break
      after = keys.at(-1)!
      for (let from = 0; from < keys.length; ) {
        if (reading.length > PAGES_AHEAD) yield await reading.shift()!
        signal.throwIfAborted()
        const page = keys.slice(from, from + pageSize)
        from += page.length
        read(page)
      }
    }
    while (reading.length > 0) yield await reading.shift()!
  } finally {
    await Promise.allSettled(reading)
  }
}

/** Customers with something that was rejected, by Tratta or by us, or that is in doubt. */
export async function* rejectedPages(
  pool: pg.Pool,
  source: CustomerSource,
  target: number,
): AsyncGenerator<CustomersPage> {
  for (let position = ''; ; ) {
    const { rows } = await pool.query<{ key: string }>(
      `select key from (
         select customer_external_id as key from tratta_jit.bulk_rejections
         where target = $1 and customer_external_id > $2
         union
         select customer_external_id from tratta_jit.bulk_rows join tratta_jit.bulk_requests using (request)
         where target = $1 and customer_external_id > $2 and doubt is not null) as customer
       order by key collate "C" limit $3`,
      [target, position, CUSTOMERS_PER_PAGE],
    )
    if (rows.length === 0) return
    position = rows.at(-1)!.key
    yield await source.customers(rows.map(({ key }) => key))
  }
}

/** Customers of accounts that were orphaned and have a customer now. */
export async function* reattachedPages(
  source: CustomerSource,
  orphaned: string[],
): AsyncGenerator<CustomersPage> {
  const keys = orphaned.length > 0 ? await source.customersOf(orphaned) : []
  for (let from = 0; from < keys.length; from += CUSTOMERS_PER_PAGE)
    yield await source.customers(keys.slice(from, from + CUSTOMERS_PER_PAGE))
}

export async function readOrphaned(pool: pg.Pool, target: number): Promise<string[]> {
  const { rows } = await pool.query<{ account: string }>(
    `select debt_account_external_id as account from tratta_jit.bulk_rejections
     where target = $1 and customer_external_id = '' and outcome <> 'unmatched'`,
    [target],
  )
  return rows.map(({ account }) => account)
}

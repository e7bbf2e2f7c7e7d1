/** A simulated Tratta in a process of its own, and the settings by which the program reaches it. */
import type { Test } from 'tap'
import type { TestDatabase } from '../support/database.ts'
import { program } from '../support/program.ts'

const TOKEN = 'token-of-the-simulated-bulk'

export interface Tratta {
  url: string
  pid: number
  configure(settings: Record<string, unknown>): Promise<void>
  injectFaults(...list: Record<string, unknown>[]): Promise<void>
  reset(): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: whatever the control route shows
  get(path: string): Promise<any>
  /** external_ids of what it has. */
  held(what: 'customers' | 'debt_accounts'): Promise<string[]>
  /** The number of bulk requests that it accepted, and of their rows. */
  accepted(): Promise<{ posts: number; rows: number }>
}

export async function simulatedTratta(t: Test, settings: Record<string, unknown> = {}): Promise<Tratta> {
  const running = program(t, ['simulate', '--port', '0', '--token', TOKEN, '--json'])
  const { url } = (await running.line((line) => 'url' in line)) as { url: string }
  const control = async (path: string, json?: unknown) => {
    const answer = await fetch(new URL(`/simulator${path}`, url), {
      headers: { connection: 'close', 'content-type': 'application/json' },
      ...(json !== undefined && { method: 'POST', body: JSON.stringify(json) }),
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }
  const get: Tratta['get'] = async (path) => (await control(path)).json()
  const tratta: Tratta = {
    url,
    pid: running.process.pid!,
    configure: async (given) => void (await control('/configure', given)),
    injectFaults: async (...list) => void (await control('/faults', list)),
    reset: async () => void (await control('/reset', {})),
    get,
    async held(what) {
      const text = await (await control(`/store/${what}`)).text()
      return text
        .split('\n')
        .flatMap((line) => (line ? String(JSON.parse(line).external_id) : []))
        .sort()
    },
    async accepted() {
      const bulk: { count: number }[] = await get('/bulk')
      return { posts: bulk.length, rows: bulk.reduce((sum, { count }) => sum + count, 0) }
    },
  }
  await tratta.configure({ requestsPerMinute: null, ...settings })
  return tratta
}

export const bulkSettings = (database: TestDatabase, tratta: { url: string }) => ({
  DATABASE_URL: database.url,
  TRATTA_API_URL: tratta.url,
  TRATTA_API_TOKEN: TOKEN,
  TRATTA_REQUESTS_PER_MINUTE: '1000000',
  TRATTA_BULK_WAIT_SECONDS: '1',
})

/** Accounts of settled requests by what is stored about them. */
export async function ourAccounts({ query }: TestDatabase) {
  const rows = (await query(`
    with sent as (
      select customer_external_id, location_external_id, request, doubt, unnest(row.debt_accounts) as account
      from tratta_jit.bulk_rows as row join tratta_jit.bulk_requests using (request) where state = 'settled')
    select account, coalesce(own.outcome, whole.outcome, case when doubt is null then 'accepted' else 'unknown' end) as state
    from sent
    left join tratta_jit.bulk_rejections own
      on own.customer_external_id = sent.customer_external_id and own.debt_account_external_id = account
      and own.unmatched = 0
    left join tratta_jit.bulk_rejections whole
      on whole.customer_external_id = sent.customer_external_id and whole.debt_account_external_id = ''
      and whole.location_external_id = sent.location_external_id and whole.request = sent.request
      and whole.unmatched = 0`)) as { account: string; state: string }[]
  const of = (wanted: string) =>
    rows.flatMap(({ account, state }) => (state === wanted ? account : [])).sort()
  return { accepted: of('accepted'), rejected: of('rejected'), unknown: of('unknown') }
}

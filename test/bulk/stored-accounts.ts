import type { TestDatabase } from '../support/database.ts'

/** @returns the accounts of settled requests, sorted, by what is stored about them */
export async function storedAccounts({ query }: TestDatabase) {
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
  const withState = (wanted: string) =>
    rows.flatMap(({ account, state }) => (state === wanted ? account : [])).sort()
  return { accepted: withState('accepted'), rejected: withState('rejected'), unknown: withState('unknown') }
}

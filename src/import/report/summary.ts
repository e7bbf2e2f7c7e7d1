/** Figures that show at once whether dollars were read as cents, or cents as dollars. */
import type pg from 'pg'
import { type BalanceFigures, formatBalances, formatNumber } from '../../terminal/format.ts'

export interface Summary extends BalanceFigures {
  accounts: number
  /** Accounts with a parent. */
  children: number
}

/** Of the staged accounts. Balances of 0 are of parents and closed accounts. */
export async function summarize(client: pg.Client): Promise<Summary> {
  const { rows } = await client.query<Summary>(
    `select count(*)::int as accounts, count(parent_external_id)::int as children,
       min(balance) filter (where balance <> 0)::text as smallest,
       (percentile_disc(0.5) within group (order by balance) filter (where balance <> 0))::text as median,
       max(balance) filter (where balance <> 0)::text as largest, sum(balance)::text as total
     from (select parent_external_id, balance::bigint as balance from staged_debt_accounts) as accounts`,
  )
  return rows[0]!
}

/** Amounts are in cents. */
export function summaryEvent(
  { accounts, children, smallest, median, largest, total }: Summary,
  customers: number,
) {
  const cents = (text: string | null) => (text === null ? null : Number(text))
  return {
    accounts,
    children,
    customers,
    smallest_balance: cents(smallest),
    median_balance: cents(median),
    largest_balance: cents(largest),
    total_balance: cents(total),
  }
}

export function summaryLine(summary: Summary, customers: number): string {
  const { accounts, children } = summary
  return `  ${formatNumber(accounts)} accounts, ${formatNumber(children)} of them children, ${formatNumber(customers)} customers; balances: ${formatBalances(summary)}`
}

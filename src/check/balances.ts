/** Checks whether the balances look like cents. Dollars that are read as cents are a hundredth of the debt. */
import { sql } from 'kysely'
import { type BalanceFigures, formatBalances, formatDollars } from '../terminal/format.ts'
import { check, ok, warning } from './check.ts'
import { compileSql, excludeUnreadableRows } from './exclude-unreadable-rows.ts'

/** Fewer balances prove nothing. */
const MIN_BALANCES = 100
/** Cents. Most debts are larger, and smaller than the second amount. */
const SMALL_MEDIAN = 2_000n
const LARGE_MEDIAN = 10_000_000n
/** Of real balances a few percent have no cents. */
const WHOLE_DOLLARS_SHARE = 0.99

interface BalancesRow extends BalanceFigures {
  /** Balances other than 0. */
  count: number
  whole: number
}

export const balances = check({
  name: 'balances',
  needs: ['pool', 'relations', 'readable', 'unreadable'],
  readsAllRows: true,
  async run({ pool, relations, unreadable }) {
    const { rows } = await pool.query<BalancesRow>(
      compileSql(
        relations,
        sql`select count(*)::int as count, count(*) filter (where balance % 100 = 0)::int as whole,
          round(min(balance))::text as smallest, round(max(balance))::text as largest,
          round(percentile_disc(0.5) within group (order by balance))::text as median, round(sum(balance))::text as total
        from (select balance::numeric as balance from ${excludeUnreadableRows(relations, unreadable).debt_accounts} as account
          where balance <> 0) as balances`,
      ),
    )
    const { count, whole, median } = rows[0]!
    if (median === null) return [ok('every balance is 0')]
    const figures = formatBalances(rows[0]!)
    const column = `${relations.schema}.debt_accounts.balance`
    if (count < MIN_BALANCES) return [ok(figures)]
    if (BigInt(median) < SMALL_MEDIAN)
      return [
        warning(
          `${figures}: half of the balances are smaller than ${formatDollars(String(SMALL_MEDIAN))}`,
          `${column} is read as cents; if it contains dollars, select (balance * 100)::bigint in the view`,
        ),
      ]
    if (BigInt(median) > LARGE_MEDIAN)
      return [
        warning(
          `${figures}: half of the balances are larger than ${formatDollars(String(LARGE_MEDIAN))}`,
          `${column} is read as cents; check whether it was multiplied by 100 twice`,
        ),
      ]
    if (whole / count >= WHOLE_DOLLARS_SHARE)
      return [
        warning(
          `${figures}: nearly all balances are whole dollars`,
          `check that ${column} has the cents of each debt: the view may have rounded dollars before it multiplied them by 100`,
        ),
      ]
    return [ok(figures)]
  },
})

/** Checks for data that Tratta would reject, and for accounts without a valid customer or parent. */
import { type RawBuilder, sql } from 'kysely'
import type pg from 'pg'
import { columnsOf, isNull, read } from '../database/column-sql.ts'
import { areSame } from '../database/identifier-sql.ts'
import type { Relations } from '../database/relations.ts'
import { limitHeapGrowth } from '../limit-heap-growth.ts'
import { formatDuration, formatNumber } from '../terminal/format.ts'
import { readingsFrom } from '../tratta/readings.ts'
import { type CheckResult, check, ok, type State } from './check.ts'
import { compileSql, excludeUnreadableRows, type UnreadableRows } from './exclude-unreadable-rows.ts'
import { type DataScan, emptyScan, type Rejection, type RejectionCode, scanData } from './scan-data.ts'

export const data = check({
  name: 'data',
  needs: ['pool', 'relations', 'readable', 'unreadable'],
  settings: ['DATABASE_SCHEMA'],
  readsAllRows: true,
  async run(context) {
    const { pool, relations, unreadable, config, signal, readings = readingsFrom(config, []) } = context
    const scan = emptyScan()
    context.progress = {
      fields: (seconds) => ({
        customers: scan.customers,
        customers_total: scan.customersTotal,
        customers_per_second: Math.round(scan.customers / seconds),
      }),
      line: (seconds) => progressLine(scan, seconds),
    }
    limitHeapGrowth()
    await scanData(pool, relations, unreadable, readings, scan, signal)
    context.scan = scan
    const results = [
      ...toResults(
        'error',
        rejectionsOf(scan, ['unsendable']),
        `correct the data in ${config.DATABASE_SCHEMA}: Tratta gets an error for these accounts, or rejects them; see \`tratta-jit lookup ID\``,
      ),
      ...toResults(
        'warning',
        rejectionsOf(scan, ['too_large']),
        'raise TRATTA_BULK_BYTES if Tratta accepts larger requests; calls are not affected',
      ),
      ...toResults(
        'warning',
        rejectionsOf(scan, ['known_customer']),
        'calls create these accounts; `bulk push` sends one row for a customer (docs/tratta.md)',
      ),
      ...toResults(
        'warning',
        Object.entries(scan.omitted).map(([message, counted]) => ({ message, ...counted })),
        `correct the data in ${config.DATABASE_SCHEMA}: the field is omitted, the other fields are sent (the examples are customers)`,
      ),
    ]
    if (results.length > 0) return results
    const { customers, debtAccounts } = scan
    return [
      ok(
        `${formatNumber(customers)} customers with ${formatNumber(debtAccounts)} accounts, no data that Tratta would reject`,
      ),
    ]
  },
})

function progressLine({ customers, customersTotal }: DataScan, seconds: number): string {
  const rate = customers / seconds
  const left =
    customersTotal && rate > 0
      ? `, ${formatDuration(Math.round((customersTotal - customers) / rate))} left`
      : ''
  return `${formatNumber(customers)}${customersTotal ? ` of ${formatNumber(customersTotal)}` : ''} customers, ${formatNumber(Math.round(rate))}/s${left}`
}

export const customers = check({
  name: 'customers',
  needs: ['scan'],
  async run({ scan }) {
    const results = toResults(
      'warning',
      rejectionsOf(scan, ['no_customer', 'customer_missing', 'parent_without_customer']),
      'set the customer of these accounts: `bulk push` cannot send them, and calls are answered without a customer',
    )
    return results.length > 0 ? results : [ok('every account has a customer')]
  },
})

export const parents = check({
  name: 'parents',
  needs: ['scan', 'pool', 'relations', 'unreadable'],
  async run({ pool, relations, scan, unreadable }) {
    const results = [
      ...toResults(
        'error',
        [await childrenOfOtherCustomers(pool, relations, unreadable)],
        'correct parent_external_id or customer_external_id: Tratta would add the debt to the wrong customer, so neither calls nor `bulk push` send the child',
      ),
      ...toResults(
        'warning',
        rejectionsOf(scan, ['parent_missing', 'parent_is_child']),
        '`bulk push` cannot send these accounts: Bulk accepts one level of children',
      ),
      ...toResults(
        'warning',
        [await parentsWithOtherSums(pool, relations, unreadable)],
        'set the amounts of the parent to the sums, or to 0: Tratta then uses the sums; or add the missing children',
      ),
    ]
    const locations = await childrenOfOtherLocations(pool, relations, unreadable)
    return [
      ...(results.length > 0
        ? results
        : [ok('every parent exists, and its amounts are the sums of its children')]),
      ...toResults(
        'ok',
        [locations],
        'nothing to do if that is so: the location of the child is sent as an item of its `locations`',
      ),
    ]
  },
})

const rejectionsOf = ({ rejected }: DataScan, codes: RejectionCode[]) =>
  [...rejected.values()].filter(({ code }) => codes.includes(code))

type Counted = Omit<Rejection, 'code'>

export const toResults = (state: State, counted: Counted[], remedy: string): CheckResult[] =>
  counted
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count)
    .map(({ message, count, examples }) => ({ state, message, remedy, count, examples }))

/** Counts the ids that a query returns as `id`. */
export async function countIds(
  pool: pg.Pool,
  relations: Relations,
  message: string,
  ids: RawBuilder<unknown>,
): Promise<Counted> {
  const { rows } = await pool.query<Omit<Counted, 'message'>>(
    compileSql(
      relations,
      sql`with found as (select id, row_number() over (order by id collate "C") as place from (${ids}) as ids)
        select count(*)::int as count, coalesce(array_agg(id order by place) filter (where place <= 3), '{}') as examples
        from found`,
    ),
  )
  return { message, ...rows[0]! }
}

/** As `isAnotherCustomer`: a child with a customer is not sent with a parent without a customer. */
function childrenOfOtherCustomers(pool: pg.Pool, relations: Relations, unreadable: UnreadableRows) {
  const accounts = excludeUnreadableRows(relations, unreadable).debt_accounts
  const child = columnsOf(relations, 'debt_accounts', 'child')
  const parent = columnsOf(relations, 'debt_accounts', 'parent')
  const [own, other] = [child('customer_external_id'), parent('customer_external_id')]
  return countIds(
    pool,
    relations,
    'debt_account.parent_external_id refers to an account of another customer',
    sql`select distinct ${read(child('external_id'))} as id from ${accounts} as child
      join ${accounts} as parent on ${areSame(parent('external_id'), child('parent_external_id'))}
      where not ${isNull(own)} and (${isNull(other)} or not ${areSame(own, other)})`,
  )
}

/** Children whose location exists and is not the location of their parent. */
function childrenOfOtherLocations(pool: pg.Pool, relations: Relations, unreadable: UnreadableRows) {
  const { debt_accounts, locations } = excludeUnreadableRows(relations, unreadable)
  const child = columnsOf(relations, 'debt_accounts', 'child')
  const parent = columnsOf(relations, 'debt_accounts', 'parent')
  const location = columnsOf(relations, 'locations', 'location')
  const own = child('location_external_id')
  return countIds(
    pool,
    relations,
    'debt_account has another location than its parent',
    sql`select distinct ${read(child('external_id'))} as id from ${debt_accounts} as child
      join ${debt_accounts} as parent on ${areSame(parent('external_id'), child('parent_external_id'))}
      join ${locations} as location on ${areSame(location('external_id'), own)}
      where (${areSame(own, parent('location_external_id'))}) is not true`,
  )
}

/** For a parent whose amounts are all 0, Tratta uses the sums, as in the example of its page "Bulk". */
function parentsWithOtherSums(pool: pg.Pool, relations: Relations, unreadable: UnreadableRows) {
  const accounts = excludeUnreadableRows(relations, unreadable).debt_accounts
  const child = columnsOf(relations, 'debt_accounts', 'child')
  const parent = columnsOf(relations, 'debt_accounts', 'parent')
  const parentId = child('parent_external_id')
  const amount = (column: typeof child) => {
    const { type, reference } = column('current_balance')
    return type ? reference : sql`null::numeric`
  }
  const [ofChild, ofParent] = [amount(child), amount(parent)]
  return countIds(
    pool,
    relations,
    'debt_account has balances that are not the sums of its children: Tratta uses the sums, so it would show other amounts',
    sql`select ${read(parent('external_id'))} as id from ${accounts} as parent
      join (
        select ${read(parentId)} as parent, sum(balance) as balance,
          case when count(*) = count(${ofChild}) then sum(${ofChild}) end as current_balance
        from ${accounts} as child where not ${isNull(parentId)} group by 1
      ) as children on children.parent = ${read(parent('external_id'))}
      where not (parent.balance = 0 and coalesce(${ofParent}, 0) = 0)
        and (parent.balance <> children.balance or ${ofParent} <> children.current_balance)`,
  )
}

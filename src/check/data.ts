/** What Tratta would reject, and accounts whose customer, parent or children do not fit. */
import { type RawBuilder, sql } from 'kysely'
import type pg from 'pg'
import { areSame, columnsOf, isNull, read } from '../database/column-sql.ts'
import type { Relations } from '../database/relations.ts'
import { limitHeapGrowth } from '../limit-heap-growth.ts'
import { duration, number } from '../terminal/progress.ts'
import { check, type Finding, ok, type State } from './check.ts'
import { emptyPass, type Pass, type Rejection, type RejectionCode, readAll } from './data-pass.ts'
import { readableRelations, sqlText, type UnreadableRows } from './readable-relations.ts'

export const data = check({
  name: 'data',
  needs: ['pool', 'relations', 'readable', 'unreadable'],
  settings: ['DATABASE_SCHEMA', 'TRATTA_BULK_BYTES'],
  isPass: true,
  async run(context) {
    const { pool, relations, unreadable, config, signal } = context
    const pass = emptyPass()
    const finish = context.showProgress(
      (seconds) => ({
        customers: pass.customers,
        customers_total: pass.customersTotal,
        customers_per_second: Math.round(pass.customers / seconds),
      }),
      (seconds) => progressLine(pass, seconds),
    )
    limitHeapGrowth()
    try {
      await readAll(pool, relations, unreadable, config.TRATTA_BULK_BYTES, pass, signal)
    } finally {
      finish()
    }
    context.pass = pass
    const found = [
      ...findings(
        'error',
        rejectionsOf(pass, ['unsendable', 'duplicate']),
        `correct it in ${config.DATABASE_SCHEMA}: Tratta would get no answer for these, or reject it; see \`tratta-jit lookup ID\``,
      ),
      ...findings(
        'warning',
        rejectionsOf(pass, ['too_large']),
        'raise it, if Tratta accepts larger requests; calls are answered',
      ),
      ...findings(
        'warning',
        Object.entries(pass.omitted).map(([message, counted]) => ({ message, ...counted })),
        `correct it in ${config.DATABASE_SCHEMA}: the field is omitted, the rest is sent (examples: customers)`,
      ),
    ]
    if (found.length > 0) return found
    const { customers, debtAccounts } = pass
    return [
      ok(
        `${number(customers)} customers with ${number(debtAccounts)} accounts, nothing that Tratta would reject`,
      ),
    ]
  },
})

function progressLine({ customers, customersTotal }: Pass, seconds: number): string {
  const rate = customers / seconds
  const left =
    customersTotal && rate > 0 ? `, ${duration(Math.round((customersTotal - customers) / rate))} left` : ''
  return `${number(customers)}${customersTotal ? ` of ${number(customersTotal)}` : ''} customers, ${number(Math.round(rate))}/s${left}`
}

export const customers = check({
  name: 'customers',
  needs: ['pass'],
  async run({ pass }) {
    const found = findings(
      'warning',
      rejectionsOf(pass, ['no_customer', 'customer_missing', 'parent_without_customer']),
      'give these accounts their customer: bulk cannot place them, and a call is answered without a customer',
    )
    return found.length > 0 ? found : [ok('every account has its customer')]
  },
})

export const parents = check({
  name: 'parents',
  needs: ['pass', 'pool', 'relations', 'unreadable'],
  async run({ pool, relations, pass, unreadable }) {
    const found = [
      ...findings(
        'error',
        [await childrenOfOtherCustomers(pool, relations, unreadable)],
        'correct parent_external_id or customer_external_id: Tratta would add the debt to the wrong customer, so neither an answer nor bulk contains the child',
      ),
      ...findings(
        'warning',
        rejectionsOf(pass, ['parent_missing', 'parent_is_child']),
        'bulk cannot place these: it knows parents and, below them, children',
      ),
      ...findings(
        'warning',
        [await unlikeTheirChildren(pool, relations, unreadable)],
        'give the sums, or 0 to leave it to Tratta; or say which children are missing',
      ),
    ]
    return found.length > 0 ? found : [ok('every parent is there, and is the sum of its children')]
  },
})

const rejectionsOf = ({ rejected }: Pass, codes: RejectionCode[]) =>
  [...rejected.values()].filter(({ code }) => codes.includes(code))

type Counted = Omit<Rejection, 'code'>

const findings = (state: State, counted: Counted[], remedy: string): Finding[] =>
  counted
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count)
    .map(({ message, count, examples }) => ({ state, message, remedy, count, examples }))

/** Counts the ids that a query gives as `id`. */
async function count(
  pool: pg.Pool,
  relations: Relations,
  message: string,
  ids: RawBuilder<unknown>,
): Promise<Counted> {
  const { rows } = await pool.query<Omit<Counted, 'message'>>(
    sqlText(
      relations,
      sql`with found as (select id, row_number() over (order by id collate "C") as place from (${ids}) as ids)
        select count(*)::int as count, coalesce(array_agg(id order by place) filter (where place <= 3), '{}') as examples
        from found`,
    ),
  )
  return { message, ...rows[0]! }
}

/** By the rule of `isAnotherCustomer`: a child that names a customer is not sent with a parent that names none. */
function childrenOfOtherCustomers(pool: pg.Pool, relations: Relations, unreadable: UnreadableRows) {
  const accounts = readableRelations(relations, unreadable).debt_accounts
  const child = columnsOf(relations, 'debt_accounts', 'child')
  const parent = columnsOf(relations, 'debt_accounts', 'parent')
  const [own, other] = [child('customer_external_id'), parent('customer_external_id')]
  return count(
    pool,
    relations,
    'debt_account.parent_external_id its parent belongs to another customer',
    sql`select distinct ${read(child('external_id'))} as id from ${accounts} as child
      join ${accounts} as parent on ${areSame(parent('external_id'), child('parent_external_id'))}
      where not ${isNull(own)} and (${isNull(other)} or not ${areSame(own, other)})`,
  )
}

/** A parent whose amounts are all 0 is left to Tratta, as in the example of its page "Bulk". */
function unlikeTheirChildren(pool: pg.Pool, relations: Relations, unreadable: UnreadableRows) {
  const accounts = readableRelations(relations, unreadable).debt_accounts
  const child = columnsOf(relations, 'debt_accounts', 'child')
  const parent = columnsOf(relations, 'debt_accounts', 'parent')
  const parentId = child('parent_external_id')
  const amount = (column: typeof child) => {
    const { type, reference } = column('current_balance')
    return type ? reference : sql`null::numeric`
  }
  const [ofChild, ofParent] = [amount(child), amount(parent)]
  return count(
    pool,
    relations,
    'debt_account its balances are not the sums of its children: Tratta sums up, so it would show other amounts than you do',
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

/** A pass over all customers and accounts: what Tratta would refuse, by the contract of `serve` and `bulk`. */
import pg from 'pg'
import { boundMemory } from '../bound-memory.ts'
import { type DryRun, dryRun } from '../bulk/dry-run.ts'
import { readingFrom, type Source } from '../bulk/read-customers.ts'
import { noProgress } from '../bulk/show-progress.ts'
import { AmbiguousAccountError } from '../database/database-errors.ts'
import { accountStatement, findAccount } from '../database/find-account.ts'
import type { Relations } from '../database/relations.ts'
import { UnsendableAccountError } from '../omit-invalid-fields.ts'
import { toPayload } from '../payload.ts'
import { duration, number } from '../progress.ts'
import { check, type Finding, ok } from './check.ts'

type Counts = DryRun['refused']

/** What bulk refuses because of how accounts and customers stand to each other, not because of a field. */
const OF_CUSTOMERS = /its customer is not there$|has no customer$|belongs to another customer$/
const OF_PARENTS = /^debt_account\.parent_external_id its parent/
const OF_FIELDS = / must be | is missing$| is there twice$/
const OF_SIZE = /TRATTA_BULK_BYTES$/

export const data = check({
  name: 'data',
  needs: ['pool', 'relations', 'readable'],
  settings: ['DATABASE_SCHEMA', 'TRATTA_BULK_BYTES', 'JIT_DEADLINE_MS'],
  isPass: true,
  async run(context) {
    const { pool, relations, config } = context
    const progress = noProgress(1)
    const figures = (seconds: number) => ({
      customers: progress.read,
      ...(progress.total !== undefined && { customers_total: progress.total }),
      customers_per_second: Math.round(progress.read / seconds),
    })
    const line = (seconds: number) => {
      const { read, total } = progress
      const rate = read / seconds
      const left = total && rate > 0 ? `, ${duration(Math.round((total - read) / rate))} left` : ''
      return `${number(read)}${total ? ` of ${number(total)}` : ''} customers, ${number(Math.round(rate))}/s${left}`
    }
    boundMemory()
    const end = context.showProgress(figures, line)
    try {
      const source = readingFrom(pool, relations)
      const pass = await dryRun(pool, source, undefined, '', {
        kind: 'all',
        limit: Number.POSITIVE_INFINITY,
        mostBytes: config.TRATTA_BULK_BYTES,
        waitMs: 0,
        signal: new AbortController().signal,
        progress,
      })
      await judgeLost(pool, source, relations, pass.refused)
      context.pass = pass
    } finally {
      end()
    }
    const { refused, omitted, customers, debt_accounts } = context.pass
    const found = [
      ...findings(
        'failure',
        refused,
        (reason) => OF_FIELDS.test(reason) && !OF_PARENTS.test(reason),
        () =>
          `mend it in ${config.DATABASE_SCHEMA}: Tratta would get no answer for these, or refuse it; see \`tratta-jit lookup ID\``,
      ),
      ...findings(
        'warning',
        refused,
        (reason) => OF_SIZE.test(reason),
        () => 'raise it, if Tratta takes larger requests; calls are answered',
      ),
      ...findings(
        'warning',
        omitted,
        () => true,
        () =>
          `mend it in ${config.DATABASE_SCHEMA}: the field is omitted, the rest is sent (examples: customers)`,
      ),
    ]
    return found.length > 0
      ? found
      : [
          ok(
            `${number(customers)} customers with ${number(debt_accounts)} accounts, nothing that Tratta would refuse`,
          ),
        ]
  },
})

export const customers = check({
  name: 'customers',
  needs: ['pass'],
  async run({ pass }) {
    const found = findings(
      'warning',
      pass.refused,
      (reason) => OF_CUSTOMERS.test(reason),
      () =>
        'give these accounts their customer: bulk cannot place them, and a call is answered without a customer',
    )
    return found.length > 0 ? found : [ok('every account has its customer')]
  },
})

export const parents = check({
  name: 'parents',
  needs: ['pass', 'pool', 'relations'],
  async run({ pool, relations, pass }) {
    const found = findings(
      'warning',
      pass.refused,
      (reason) =>
        OF_PARENTS.test(reason) && !OF_CUSTOMERS.test(reason) && !/is (not sent|missing)$/.test(reason),
      () => 'bulk cannot place these: it knows parents and, below them, children',
    )
    const { count, examples } = await unlikeTheirChildren(pool, relations)
    if (count > 0)
      found.push({
        state: 'warning',
        said: 'debt_account its balances are not the sums of its children: Tratta sums up, so it would show other amounts than you do',
        todo: 'give the sums, or 0 to leave it to Tratta; or say which children are missing',
        count,
        examples,
      })
    return found.length > 0 ? found : [ok('every parent is there, and is the sum of its children')]
  },
})

function findings(
  state: 'warning' | 'failure',
  counts: Counts,
  isWanted: (reason: string) => boolean,
  todo: (reason: string) => string,
): Finding[] {
  return Object.entries(counts)
    .filter(([reason]) => isWanted(reason))
    .sort(([, one], [, other]) => other.count - one.count)
    .map(([said, { count, examples }]) => ({ state, said, todo: todo(said), count, examples }))
}

const AT_ONCE = 50

/** Accounts below no customer: bulk refuses them as that, whatever they hold, but calls for them are answered. */
async function judgeLost(pool: pg.Pool, source: Source, relations: Relations, refused: Counts) {
  const statement = accountStatement(relations.schema, false)
  async function judge(externalId: string) {
    try {
      const row = await findAccount(pool, statement, externalId, { queryMs: 60_000 })
      if (row) toPayload(row)
    } catch (error) {
      if (!(error instanceof UnsendableAccountError || error instanceof AmbiguousAccountError)) throw error
      const reason = error instanceof UnsendableAccountError ? error.message : 'debt_account is there twice'
      refused[reason] ??= { count: 0, examples: [] }
      refused[reason].count += 1
      if (refused[reason].examples.length < 3) refused[reason].examples.push(externalId)
    }
  }
  for (let after = ''; ; ) {
    const lost = await source.lostAccountsAfter(after, AT_ONCE)
    if (lost.length === 0) return
    after = lost.at(-1)!.external_id
    await Promise.all(lost.map(({ external_id }) => judge(external_id)))
  }
}

/** A parent with nothing but zeros is left to Tratta, as in the example of its page "Bulk". */
async function unlikeTheirChildren(pool: pg.Pool, { schema, columns }: Relations) {
  const has = (column: string) => columns.debt_accounts.has(column)
  if (!has('parent_external_id')) return { count: 0, examples: [] }
  const [current, ofParent] = has('current_balance')
    ? ['current_balance', 'parent.current_balance']
    : ['null::numeric', 'null::numeric']
  const table = `${pg.escapeIdentifier(schema)}.debt_accounts`
  const { rows } = await pool.query<{ count: number; examples: string[] }>(`
    with children as (
      select parent_external_id::text as parent, sum(balance) as balance,
        case when count(*) = count(${current}) then sum(${current}) end as current_balance
      from ${table} where parent_external_id is not null group by 1
    ), unlike as (
      select parent.external_id::text as id, row_number() over (order by parent.external_id::text collate "C") as place
      from ${table} as parent join children on children.parent = parent.external_id::text
      where not (parent.balance = 0 and coalesce(${ofParent}, 0) = 0)
        and (parent.balance <> children.balance or ${ofParent} <> children.current_balance)
    )
    select count(*)::int as count, coalesce(array_agg(id order by place) filter (where place <= 3), '{}') as examples
    from unlike`)
  return rows[0]!
}

/** Checks that DATABASE_SCHEMA has the relations and columns that the lookup needs. */
import type pg from 'pg'
import { COLUMNS, RELATION_NAMES, type RelationName } from '../database/columns.ts'
import { problemsOf, type Relations, readRelations } from '../database/relations.ts'
import { type CheckResult, check, errorResult, ok, warning } from './check.ts'

export const relations = check({
  name: 'relations',
  needs: ['pool'],
  settings: ['DATABASE_SCHEMA', 'OMIT_FIELDS'],
  async run(context) {
    const { pool, config } = context
    const found = await readRelations(pool, config.DATABASE_SCHEMA, config.OMIT_FIELDS)
    const problems = problemsOf(found)
    if (problems.length > 0)
      return problems.map((problem) =>
        errorResult(problem, 'see docs/data.md for the columns and their types'),
      )
    context.relations = found
    const withheld =
      config.OMIT_FIELDS.length > 0 ? `; withheld by OMIT_FIELDS: ${config.OMIT_FIELDS.join(', ')}` : ''
    const absent = RELATION_NAMES.flatMap((relation) =>
      Object.keys(COLUMNS[relation]).flatMap((column) =>
        found.columns[relation].has(column) || isWithheld(relation, column, config.OMIT_FIELDS)
          ? []
          : `${relation}.${column}`,
      ),
    )
    const notSent = absent.length > 0 ? `; not sent, because it has no column: ${absent.join(', ')}` : ''
    return [
      ok(`${config.DATABASE_SCHEMA} has all required columns${notSent}${withheld}`),
      ...possibleDollars(found),
      ...(await possiblyHiddenAccounts(pool, config.DATABASE_SCHEMA)),
    ]
  },
})

const isWithheld = (relation: RelationName, column: string, fields: string[]) =>
  fields.includes(`${relation.slice(0, -1)}.${column}`)

/** A numeric(12,2) can contain whole cents, but usually contains dollars. */
function possibleDollars({ schema, columns }: Relations): CheckResult[] {
  return ['balance', 'current_balance'].flatMap((column) => {
    const type = columns.debt_accounts.get(column)?.shown ?? ''
    return /^numeric\(\d+,[1-9]/.test(type)
      ? warning(
          `${schema}.debt_accounts.${column} is ${type}, a usual type for dollars: it is read as cents`,
          `if it contains dollars, select (${column} * 100)::bigint in the view`,
        )
      : []
  })
}

/** Nobody can see the accounts that a view filters out. A clause of a subquery is indented further. */
async function possiblyHiddenAccounts(pool: pg.Pool, schema: string): Promise<CheckResult[]> {
  const { rows } = await pool.query<{ definition: string }>(
    `select pg_get_viewdef(c.oid) as definition from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = 'debt_accounts' and c.relkind in ('v', 'm')`,
    [schema],
  )
  return rows
    .filter(({ definition }) => /^ {2}WHERE /m.test(definition))
    .map(() =>
      ok(
        `the view ${schema}.debt_accounts has a WHERE clause: an account that it excludes is answered with 404, so closed accounts must stay in the view, with current_balance 0`,
      ),
    )
}

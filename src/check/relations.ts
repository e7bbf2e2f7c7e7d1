/** What DATABASE_SCHEMA holds, and what this user may do there and with what is ours. */
import type pg from 'pg'
import { lookupSql } from '../database/lookup-sql.ts'
import { COLUMNS, problemsOf, RELATION_NAMES, type Relations, readRelations } from '../database/relations.ts'
import { describeError } from '../log.ts'
import { check, errorFinding, type Finding, ok, warning } from './check.ts'

export const relations = check({
  name: 'relations',
  needs: ['pool'],
  settings: ['DATABASE_SCHEMA'],
  async run(context) {
    const { pool, config } = context
    const found = await readRelations(pool, config.DATABASE_SCHEMA)
    const problems = problemsOf(found)
    if (problems.length > 0)
      return problems.map((problem) =>
        errorFinding(problem, 'docs/data.md says which columns are read, and how'),
      )
    context.relations = found
    const absent = RELATION_NAMES.flatMap((relation) =>
      Object.keys(COLUMNS[relation]).flatMap((column) =>
        found.columns[relation].has(column) ? [] : `${relation}.${column}`,
      ),
    )
    const without = absent.length > 0 ? `; not there, and so not sent: ${absent.join(', ')}` : ''
    return [ok(`${config.DATABASE_SCHEMA} has all that is required${without}`), ...dollars(found)]
  },
})

/** Whole cents may stand in a numeric(12,2); more often dollars do. */
function dollars({ schema, columns }: Relations): Finding[] {
  return ['balance', 'current_balance'].flatMap((column) => {
    const shown = columns.debt_accounts.get(column)?.shown ?? ''
    return /^numeric\(\d+,[1-9]/.test(shown)
      ? warning(
          `${schema}.debt_accounts.${column} is ${shown}, as dollars are: it is read as cents`,
          `if it holds dollars, let the view give (${column} * 100)::bigint`,
        )
      : []
  })
}

export const rights = check({
  name: 'rights',
  needs: ['pool', 'relations'],
  async run(context) {
    const { pool, relations } = context
    const { rows } = await pool.query<{ user: string; schema: string; usage: boolean; closed: string[] }>(
      `select quote_ident(current_user) as "user", quote_ident($1) as schema, has_schema_privilege($1, 'usage') as usage,
         array(select relation from unnest($2::text[], $3::text[]) as read (relation, name)
           join pg_class on relname = relation and relnamespace = (select oid from pg_namespace where nspname = $1)
           where not has_column_privilege(pg_class.oid, name, 'select') group by 1 order by 1) as closed`,
      [relations.schema, ...columnsRead(relations)],
    )
    const { user, schema, usage, closed } = rows[0]!
    if (!usage)
      return [
        errorFinding(
          `${user} may not use the schema ${schema}`,
          `grant usage on schema ${schema} to ${user}`,
        ),
      ]
    if (closed.length > 0)
      return closed.map((relation) =>
        errorFinding(
          `${user} may not read ${schema}.${relation}`,
          `grant select on ${schema}.${relation} to ${user}`,
        ),
      )
    const errors = await tryLookup(pool, relations)
    if (errors.length > 0) return errors
    context.readable = true
    const missing = await missingRights(pool)
    return missing.length > 0 ? missing : [ok(`${user} may read ${schema} and write what is ours`)]
  },
})

function columnsRead({ columns }: Relations): [relations: string[], names: string[]] {
  const pairs = RELATION_NAMES.flatMap((relation) =>
    Object.keys(COLUMNS[relation]).flatMap((name) =>
      columns[relation].has(name) ? [[relation, name] as const] : [],
    ),
  )
  return [pairs.map(([relation]) => relation), pairs.map(([, name]) => name)]
}

/** The owner of a view needs rights of its own. EXPLAIN finds a missing one without reading a row. */
async function tryLookup(pool: pg.Pool, relations: Relations): Promise<Finding[]> {
  try {
    await pool.query(`explain ${lookupSql(relations)}`, [''])
    return []
  } catch (error) {
    const { type, code, message = code ?? type } = describeError(error)
    return [
      errorFinding(
        `the lookup fails: ${message}`,
        code === '42501'
          ? 'grant select on it to the owner of the view, who reads it on behalf of this user'
          : 'correct the view',
      ),
    ]
  }
}

const OURS = ['registrations', 'bulk_targets', 'bulk_runs', 'bulk_requests', 'bulk_rows', 'bulk_rejections']

/** Calls are answered without these. */
async function missingRights(pool: pg.Pool): Promise<Finding[]> {
  const { rows } = await pool.query<{ user: string; is_read_only: boolean; closed: string[] }>(
    `select quote_ident(current_user) as "user", current_setting('transaction_read_only')::bool as is_read_only,
       array(select relname from pg_class c join pg_namespace n on n.oid = relnamespace and nspname = 'tratta_jit'
         where relname = any($1) and not (has_schema_privilege(n.oid, 'usage')
           and has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
           and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete'))
         order by relname)::text[] as closed`,
    [OURS],
  )
  const { user, is_read_only, closed } = rows[0]!
  if (is_read_only)
    return [
      warning(
        'the database is read-only (a standby, or default_transaction_read_only): calls are answered, but no registration and no bulk push can be written down',
        'point DATABASE_URL at the primary, or register and push elsewhere',
      ),
    ]
  if (closed.length === 0) return []
  return [
    warning(
      `${user} may not write ${closed.join(', ')} in tratta_jit: no registration and no bulk push can be written down`,
      `grant usage on schema tratta_jit, and select, insert, update, delete on all tables in it, to ${user}`,
    ),
  ]
}

/** Checks that this user may read the relations and write the tables of the service. */
import type pg from 'pg'
import { COLUMNS, RELATION_NAMES } from '../database/columns.ts'
import { lookupSql } from '../database/lookup-sql.ts'
import type { Relations } from '../database/relations.ts'
import { describeError } from '../log.ts'
import { type CheckResult, check, errorResult, ok, warning } from './check.ts'
import { readViewReaders, type ViewReader } from './view-readers.ts'

export const privileges = check({
  name: 'privileges',
  needs: ['pool', 'relations'],
  async run(context) {
    const { pool, relations } = context
    const { rows } = await pool.query<{ user: string; schema: string; usage: boolean; denied: string[] }>(
      `select quote_ident(current_user) as "user", quote_ident($1) as schema, has_schema_privilege($1, 'usage') as usage,
         array(select relation from unnest($2::text[], $3::text[]) as needed (relation, name)
           join pg_class on relname = relation and relnamespace = (select oid from pg_namespace where nspname = $1)
           where not has_column_privilege(pg_class.oid, name, 'select') group by 1 order by 1) as denied`,
      [relations.schema, ...columnsRead(relations)],
    )
    const { user, schema, usage, denied } = rows[0]!
    if (!usage)
      return [
        errorResult(`${user} may not use the schema ${schema}`, `grant usage on schema ${schema} to ${user}`),
      ]
    if (denied.length > 0)
      return denied.map((relation) =>
        errorResult(
          `${user} may not read ${schema}.${relation}`,
          `grant select on ${schema}.${relation} to ${user}`,
        ),
      )
    const errors = await tryLookup(pool, relations)
    if (errors.length > 0) return errors
    context.readable = true
    const missing = await missingWritePrivileges(pool)
    return [
      ...(missing.length > 0 ? missing : [ok(`${user} may read ${schema} and write tratta_jit`)]),
      ...viewResults(await readViewReaders(pool, relations)),
    ]
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

/** The owner of a view also needs privileges. EXPLAIN finds a missing one without reading a row. */
async function tryLookup(pool: pg.Pool, relations: Relations): Promise<CheckResult[]> {
  try {
    await pool.query(`explain ${lookupSql(relations)}`, [''])
    return []
  } catch (error) {
    const { type, code, message = code ?? type } = describeError(error)
    const readers = code === '42501' ? await readViewReaders(pool, relations) : []
    const denied = readers.filter(({ is_denied }) => is_denied)
    if (denied.length > 0)
      return denied.map(({ relation, reader }) =>
        errorResult(
          `${reader} may not read ${relation}, which a view reads with its privileges`,
          `grant select on ${relation} to ${reader}`,
        ),
      )
    return [errorResult(`the lookup fails: ${message}`, 'correct the view, or grant what it needs')]
  }
}

/** What an agency may not expect of its views. */
function viewResults(readers: ViewReader[]): CheckResult[] {
  const invokers = readers.filter(({ is_security_invoker }) => is_security_invoker)
  const secured = readers.filter(({ has_row_security }) => has_row_security)
  return [
    ...invokers.map(({ relation }) =>
      ok(`${relation} is a security_invoker view: this user needs the privileges on its tables`),
    ),
    ...secured.map(({ relation, reader }) =>
      ok(
        `row-level security of ${relation} applies to ${reader}: an account that its policies hide is answered with 404`,
      ),
    ),
  ]
}

const ALL = ['select', 'insert', 'update', 'delete']

/** What is lost without the privileges on a table. */
const WRITTEN_TABLES: Record<string, { stores: string; privileges: string[] }> = {
  registrations: { stores: 'the registration', privileges: ALL },
  readings: { stores: 'readings of the API', privileges: ALL },
  bulk_targets: { stores: 'bulk pushes', privileges: ALL },
  bulk_runs: { stores: 'bulk pushes', privileges: ALL },
  bulk_requests: { stores: 'bulk pushes', privileges: ALL },
  bulk_rows: { stores: 'bulk pushes', privileges: ALL },
  bulk_rejections: { stores: 'bulk pushes', privileges: ALL },
  calls: { stores: 'the call log', privileges: ['select', 'insert', 'delete'] },
  reads: { stores: 'reads of accounts', privileges: ['select', 'insert'] },
}

/** Calls are answered without these privileges. */
async function missingWritePrivileges(pool: pg.Pool): Promise<CheckResult[]> {
  const needed = Object.entries(WRITTEN_TABLES).flatMap(([table, { privileges }]) =>
    privileges.map((privilege) => [table, privilege] as const),
  )
  const { rows } = await pool.query<{ user: string; is_read_only: boolean; denied: string[] }>(
    `select quote_ident(current_user) as "user", current_setting('transaction_read_only')::bool as is_read_only,
       array(select relname from unnest($1::text[], $2::text[]) as needed (relation, privilege)
         join pg_class c on relname = relation
         join pg_namespace n on n.oid = relnamespace and nspname = 'tratta_jit'
         where not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, privilege))
         group by relname order by relname)::text[] as denied`,
    [needed.map(([table]) => table), needed.map(([, privilege]) => privilege)],
  )
  const { user, is_read_only, denied } = rows[0]!
  const lost = (tables: string[]) =>
    new Intl.ListFormat('en').format(new Set(tables.map((table) => WRITTEN_TABLES[table]!.stores)))
  if (is_read_only)
    return [
      warning(
        `the database is read-only (a standby, or default_transaction_read_only): calls are answered, but ${lost(Object.keys(WRITTEN_TABLES))} cannot be stored`,
        'set DATABASE_URL to the primary, or run `register` and `bulk push` with another DATABASE_URL',
      ),
    ]
  if (denied.length === 0) return []
  return [
    warning(
      `${user} may not write ${denied.join(', ')} in tratta_jit: ${lost(denied)} cannot be stored`,
      `grant usage on schema tratta_jit, and select, insert, update, delete on all tables in it, to ${user}`,
    ),
  ]
}

/** The relations behind the views, and the role with whose privileges Postgres reads each of them. */
import type pg from 'pg'
import { RELATION_NAMES } from '../database/columns.ts'
import type { Relations } from '../database/relations.ts'

export interface ViewReader {
  /** `schema.name`, quoted if necessary. */
  relation: string
  /** The owner of the view that reads the relation; with security_invoker the current user. Quoted if necessary. */
  reader: string
  is_denied: boolean
  /** Whether row-level security applies to this role. */
  has_row_security: boolean
  is_security_invoker: boolean
}

/** Uses the catalog only, which every role may read. */
export async function readViewReaders(pool: pg.Pool, { schema }: Relations): Promise<ViewReader[]> {
  const { rows } = await pool.query<ViewReader>(
    `with recursive me as (select oid from pg_roles where rolname = current_user),
     read as (
       select c.oid as relation, me.oid as reader from pg_class c join pg_namespace n on n.oid = c.relnamespace, me
       where n.nspname = $1 and c.relname = any($2) and c.relkind = any('{r,p,v,m,f}')
       union
       select c.oid, case when ${INVOKER('view')} then me.oid else view.relowner end
       from read join pg_class view on view.oid = read.relation and view.relkind = 'v'
         join pg_rewrite rule on rule.ev_class = view.oid
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = rule.oid and d.refclassid = 'pg_class'::regclass
         join pg_class c on c.oid = d.refobjid and c.oid <> view.oid and c.relkind = any('{r,p,v,m,f}'), me)
     select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as relation, quote_ident(role.rolname) as reader,
       not has_any_column_privilege(role.oid, c.oid, 'select') as is_denied,
       c.relrowsecurity and not role.rolsuper and not role.rolbypassrls
         and (c.relforcerowsecurity or not pg_has_role(role.oid, c.relowner, 'usage')) as has_row_security,
       ${INVOKER('c')} as is_security_invoker
     from read join pg_class c on c.oid = read.relation join pg_namespace n on n.oid = c.relnamespace
       join pg_roles role on role.oid = read.reader
     order by 1, 2`,
    [schema, RELATION_NAMES],
  )
  return rows
}

const INVOKER = (table: string) =>
  `exists (select from pg_options_to_table(${table}.reloptions) where option_name = 'security_invoker' and option_value::bool)`

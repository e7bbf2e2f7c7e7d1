/**
 * The columns of `debt_accounts`, `customers` and `locations` in DATABASE_SCHEMA: tables of tratta-jit, or
 * views over other tables. The existing columns and their types come from the catalog. docs/data.md documents
 * them.
 */
import type pg from 'pg'
import { UserFacingError } from '../user-facing-error.ts'
import { COLUMNS, type Kind, RELATION_NAMES, REQUIRED, type RelationName } from './columns.ts'

export interface ColumnType {
  /**
   * The name in pg_type, `int8`, `bpchar`; an array is `text[]`, any enum is `enum`, a domain is its base
   * type.
   */
  name: string
  /** The type as Postgres formats it, `numeric(12,2)`. */
  shown: string
}

export interface Relations {
  schema: string
  /** The existing columns, by relation and column name. */
  columns: Record<RelationName, Map<string, ColumnType>>
  /** The relations that are views, not tables, materialized views or foreign tables. */
  views: Set<RelationName>
}

const SHOWN = {
  text: 'text',
  varchar: 'varchar',
  bpchar: 'char',
  citext: 'citext',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  numeric: 'numeric',
  uuid: 'uuid',
  enum: 'an enum',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  json: 'json',
  jsonb: 'jsonb',
} as const
type BaseType = keyof typeof SHOWN

const TEXTS: BaseType[] = ['text', 'varchar', 'bpchar', 'citext']
const WHOLE: BaseType[] = ['int2', 'int4', 'int8']

const READABLE: Record<Kind, BaseType[]> = {
  identifier: [...TEXTS, ...WHOLE, 'numeric', 'uuid'],
  text: [...TEXTS, ...WHOLE, 'numeric', 'uuid', 'enum'],
  cents: [...WHOLE, 'numeric'],
  date: ['date', 'timestamp', 'timestamptz', ...TEXTS],
  json: ['json', 'jsonb', ...TEXTS],
  list: ['json', 'jsonb', ...TEXTS, 'enum'],
}

/** The readable types as a text for messages. */
function readableTypes(kind: Kind): string {
  const names: string[] = READABLE[kind].map((name) => SHOWN[name])
  if (kind === 'identifier') names.splice(names.indexOf('numeric'), 1, 'numeric without fraction')
  if (kind === 'list') names.push('an array of any of these')
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}

function isReadable(kind: Kind, { name, shown }: ColumnType): boolean {
  // 7 and 7.00 are the same number, but different identifiers.
  if (kind === 'identifier' && name === 'numeric') return /,0\)$/.test(shown)
  const item = kind === 'list' ? name.replace(/\[\]$/, '') : name
  return (READABLE[kind] as string[]).includes(item)
}

/** The message contains names and types only, so that it may be logged and printed. */
export class UnreadableRelationsError extends UserFacingError {
  /** Postgres's invalid_object_definition. */
  readonly code = '42P17'
  readonly problems: string[]
  constructor(problems: string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

/** @returns one sentence for each problem, which includes the remedy */
export function problemsOf({ schema, columns }: Relations): string[] {
  if (RELATION_NAMES.every((relation) => columns[relation].size === 0))
    return [`there is no schema ${schema} with debt_accounts, customers and locations`]
  return RELATION_NAMES.flatMap((relation) => {
    const found = columns[relation]
    const name = `${schema}.${relation}`
    if (found.size === 0) return `there is no table or view ${name}`
    return Object.entries(COLUMNS[relation]).flatMap(([column, kind]) => {
      const type = found.get(column)
      if (!type)
        return REQUIRED[relation].includes(column)
          ? `${name} has no column ${column}, which is required (${readableTypes(kind)})`
          : []
      return isReadable(kind, type)
        ? []
        : `${name}.${column} is ${type.shown}, which cannot be read as ${MEANT[kind]}: make it ${readableTypes(kind)}`
    })
  })
}

const MEANT: Record<Kind, string> = {
  identifier: 'an identifier',
  text: 'a text',
  cents: 'whole cents',
  date: 'a date',
  json: 'JSON',
  list: 'a list',
}

/** A statement with the schema as its only parameter. It returns one row for each existing column. */
export const CATALOG = `
  with recursive typed as (
    select c.relname as relation, c.relkind = 'v' as is_view, a.attname as name, a.atttypid as type, a.atttypmod as modifier
    from pg_catalog.pg_namespace n
      join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname = $1 and c.relname in ('debt_accounts', 'customers', 'locations')
    union all
    select relation, is_view, name, typbasetype, typtypmod
    from typed join pg_catalog.pg_type t on t.oid = typed.type and t.typtype = 'd'
  )
  select relation, is_view, typed.name, format_type(typed.type, modifier) as shown,
    case when coalesce(item.typtype, t.typtype) = 'e' then 'enum' else coalesce(item.typname, t.typname) end
      || case when item.oid is null then '' else '[]' end as type
  from typed join pg_catalog.pg_type t on t.oid = typed.type and t.typtype <> 'd'
    left join pg_catalog.pg_type item on t.typcategory = 'A' and item.oid = t.typelem`

export interface CatalogRow {
  relation: RelationName
  is_view: boolean
  name: string
  shown: string
  type: string
}

/** @param omitFields OMIT_FIELDS. Their columns are never read, as if they did not exist. */
export function relationsOf(schema: string, rows: CatalogRow[], omitFields: string[] = []): Relations {
  const columns = { debt_accounts: new Map(), customers: new Map(), locations: new Map() }
  for (const { relation, name, shown, type } of rows) columns[relation].set(name, { name: type, shown })
  for (const field of omitFields) {
    const [resource, column] = field.split('.') as [string, string]
    columns[`${resource}s` as RelationName].delete(column)
  }
  const views = new Set(rows.filter(({ is_view }) => is_view).map(({ relation }) => relation))
  return { schema, columns, views }
}

export const readRelations = async (
  db: pg.Pool | pg.Client,
  schema: string,
  omitFields: string[] = [],
): Promise<Relations> => relationsOf(schema, (await db.query<CatalogRow>(CATALOG, [schema])).rows, omitFields)

/** @throws {UnreadableRelationsError} */
export function readable(relations: Relations): Relations {
  const problems = problemsOf(relations)
  if (problems.length > 0) throw new UnreadableRelationsError(problems)
  return relations
}

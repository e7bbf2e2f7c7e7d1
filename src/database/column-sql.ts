/** SQL that reads the columns of the three relations, for every supported type. */
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  sql,
} from 'kysely'
import { COLUMNS, type Kind, type RelationName } from './columns.ts'
import type { ColumnType, Relations } from './relations.ts'

/** A Kysely instance that compiles statements for the three relations of a schema. It has no connection. */
export const compilerFor = ({ schema }: Relations) =>
  new Kysely<Record<RelationName, Record<string, unknown>>>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }).withSchema(schema)

/** A column of a relation that is aliased in a statement. */
export interface Column {
  reference: RawBuilder<unknown>
  kind: Kind
  /** Undefined when the column does not exist. It is then read as null. */
  type: ColumnType | undefined
}

export function columnsOf<Name extends RelationName>(relations: Relations, relation: Name, alias: string) {
  return (name: keyof (typeof COLUMNS)[Name] & string): Column => ({
    reference: sql.ref(`${alias}.${name}`),
    kind: COLUMNS[relation][name] as Kind,
    type: relations.columns[relation].get(name),
  })
}

/** The columns of the relations under the aliases that most statements use. */
export const aliasesOf = (relations: Relations) => ({
  account: columnsOf(relations, 'debt_accounts', 'account'),
  /** `referencesOf(account)`. */
  reference: columnsOf(relations, 'debt_accounts', 'reference'),
  child: columnsOf(relations, 'debt_accounts', 'child'),
  childId: columnsOf(relations, 'debt_accounts', 'child_id'),
  childReference: columnsOf(relations, 'debt_accounts', 'child_reference'),
  parent: columnsOf(relations, 'debt_accounts', 'parent'),
  customer: columnsOf(relations, 'customers', 'customer'),
  location: columnsOf(relations, 'locations', 'location'),
})

/**
 * Reads identifiers, texts and cents as text, because JSON.parse would round a bigint above 2^53. Other kinds
 * are read as JSON values: json, jsonb and arrays unchanged, dates in ISO 8601 independent of DateStyle.
 */
export function read({ reference, kind, type }: Column): RawBuilder<unknown> {
  if (!type) return sql`null::text`
  // JSON would keep the padding of a char(n); a cast to text removes it.
  if (type.name === 'bpchar[]') return sql`${reference}::text[]`
  return ['date', 'json', 'list'].includes(kind) && type.name !== 'bpchar'
    ? reference
    : sql`${reference}::text`
}

/**
 * Selects columns as one value. Postgres describes every column of every result, and pg parses each
 * description before it reads a value.
 */
export const rowOf = <Name extends string>(
  names: Record<Name, Kind>,
  column: (name: NoInfer<Name>) => Column,
): RawBuilder<unknown[]> => list((Object.keys(names) as Name[]).map((name) => read(column(name))))

export const list = (values: RawBuilder<unknown>[]): RawBuilder<unknown[]> =>
  sql`json_build_array(${sql.join(values)})`

export function isNull({ reference, type }: Column): RawBuilder<boolean> {
  return type ? sql`${reference} is null` : sql`true`
}

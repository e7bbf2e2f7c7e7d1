/**
 * SQL that reads the columns of the three relations, for every supported type, and compares identifiers by
 * their text representation, in a form that can use an index on the column itself.
 */
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

/**
 * An absent column equals nothing. The parameter stays in the statement, because its caller always binds it.
 */
const equalsNothing = (parameter: RawBuilder<unknown>) => sql<boolean>`(false and ${parameter} is null)`

/**
 * Compares an identifier with a text. A text that is not valid for the type equals nothing. The conversion is a
 * subquery of its own: Postgres executes it first, so that a generic plan compares with a value, and a foreign data
 * wrapper can send the comparison to its server.
 */
export function isText({ reference, type }: Column, text: RawBuilder<unknown>): RawBuilder<boolean> {
  if (!type) return equalsNothing(text)
  const value = ['int8', 'numeric', 'uuid'].includes(familyOf(type))
    ? sql`(select ${fromText(type, text)})`
    : fromText(type, text)
  const equal = sql<boolean>`${reference} = ${value}`
  return isLoose(type) ? sql`(${equal} and ${reference}::text = ${text})` : equal
}

/** Compares an identifier with a list of texts. */
export function isOneOf({ reference, type }: Column, texts: RawBuilder<unknown>): RawBuilder<boolean> {
  if (!type) return equalsNothing(texts)
  if (familyOf(type) === 'text') return sql`${reference} = any(${texts})`
  const values = sql`array(select ${fromText(type, sql`value`)} from unnest(${texts}) as value)`
  const among = sql<boolean>`${reference} = any(${values})`
  return isLoose(type) ? sql`(${among} and ${reference}::text = any(${texts}))` : among
}

/** Compares two identifiers by their text representation. */
export function areSame(one: Column, other: Column): RawBuilder<boolean> {
  if (!one.type || !other.type) return sql`false`
  const texts = sql<boolean>`${asText(one.reference, one.type)} = ${asText(other.reference, other.type)}`
  if (familyOf(one.type) !== familyOf(other.type)) return texts
  const equal = sql<boolean>`${one.reference} = ${other.reference}`
  return one.type.name === 'citext' ? sql`(${equal} and ${texts})` : equal
}

const REFERENCES = ['parent_external_id', 'customer_external_id', 'location_external_id'] as const

/**
 * A lateral FROM item with the references of an account without their collation. A comparison with them uses the
 * collation of the other column, as its index does, and postgres_fdw can send the comparison to its server.
 */
export function referencesOf(row: ReturnType<typeof columnsOf<'debt_accounts'>>) {
  const references = REFERENCES.filter((name) => row(name).type).map(
    (name) => sql`${withoutCollation(row(name))} as ${sql.ref(name)}`,
  )
  return sql<Record<string, unknown>>`(select ${sql.join(references)})`
}

export const withoutCollation = ({ reference, type }: Column): RawBuilder<unknown> =>
  type && ['text', 'bpchar', 'citext'].includes(familyOf(type))
    ? sql`${reference} collate "default"`
    : reference

const asText = (reference: RawBuilder<unknown>, type: ColumnType) =>
  familyOf(type) === 'text' ? reference : sql`${reference}::text`

/** citext ignores case and char(n) ignores trailing blanks; the comparison with a requested text must not. */
const isLoose = ({ name }: ColumnType) => name === 'citext' || name === 'bpchar'

function familyOf({ name }: ColumnType) {
  if (name === 'varchar') return 'text'
  return /^int[24]$/.test(name) ? 'int8' : name
}

/**
 * Casts the text to the type of the column; null when the text is not the representation of a value of that
 * type.
 */
function fromText(type: ColumnType, text: RawBuilder<unknown>): RawBuilder<unknown> {
  switch (familyOf(type)) {
    case 'int8':
      return sql`case when ${text} ~ '^(0|-?[1-9][0-9]{0,18})$' then
        case when ${text}::numeric between -9223372036854775808 and 9223372036854775807 then ${text}::int8 end end`
    case 'numeric':
      return sql`case when ${text} ~ '^(0|-?[1-9][0-9]{0,254})$' then ${text}::numeric end`
    case 'uuid':
      return sql`case when ${text} ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then ${text}::uuid end`
    case 'bpchar':
      return sql`${text}::bpchar`
    case 'citext':
      // The formatted type, because an extension may be in any schema.
      return sql`${text}::${sql.raw(type.shown)}`
    default:
      return text
  }
}

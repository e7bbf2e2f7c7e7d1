/**
 * SQL that compares identifiers by their text representation, in a form that can use an index on the column itself.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Column, columnsOf } from './column-sql.ts'
import type { ColumnType } from './relations.ts'

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

/**
 * Compares an identifier with a list of texts, all of which `isValidText` accepts. A cast of the list, unlike a subquery
 * over it, is a constant for Postgres, which then compares by a hash table where it cannot use an index.
 */
export function isOneOf({ reference, type }: Column, texts: RawBuilder<unknown>): RawBuilder<boolean> {
  if (!type) return equalsNothing(texts)
  const family = familyOf(type)
  if (family === 'text') return sql`${reference} = any(${texts})`
  const among = sql<boolean>`${reference} = any(${texts}::${sql.raw(family === 'citext' ? type.shown : family)}[])`
  return isLoose(type) ? sql`(${among} and ${reference}::text = any(${texts}))` : among
}

const MAX_INT8 = 9223372036854775807n

/** Whether the text is the representation of a value of the column's type. The same rules as `fromText`. */
export function isValidText({ type }: Column, text: string): boolean {
  switch (type && familyOf(type)) {
    case 'int8':
      return (
        /^(0|-?[1-9][0-9]{0,18})$/.test(text) && BigInt(text) <= MAX_INT8 && BigInt(text) >= -MAX_INT8 - 1n
      )
    case 'numeric':
      return /^(0|-?[1-9][0-9]{0,254})$/.test(text)
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
    default:
      return true
  }
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
 * A lateral FROM item with the references of an account. A comparison with them uses the collation of the other
 * column, as its index does, and postgres_fdw can send the comparison to its server.
 */
export function referencesOf(row: ReturnType<typeof columnsOf<'debt_accounts'>>) {
  const references = REFERENCES.filter((name) => row(name).type).map((name) => keyOf(row(name), name))
  return sql<Record<string, unknown>>`(select ${sql.join(references)})`
}

/** Selects an identifier without its collation. */
export function keyOf({ reference, type }: Column, name: string): RawBuilder<unknown> {
  const hasCollation = type && ['text', 'bpchar', 'citext'].includes(familyOf(type))
  const key = sql`${hasCollation ? sql`${reference} collate "default"` : reference} as ${sql.ref(name)}`
  // "distinct" must not merge ids that differ by case.
  return type?.name === 'citext' ? sql`${key}, ${reference}::text as ${sql.ref(`${name}_text`)}` : key
}

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

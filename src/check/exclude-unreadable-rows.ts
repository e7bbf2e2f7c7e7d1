import { type RawBuilder, sql } from 'kysely'
import pg from 'pg'
import type { RelationSources } from '../bulk/source-statements.ts'
import { columnsOf, compilerFor } from '../database/column-sql.ts'
import type { RelationName } from '../database/columns.ts'
import { isOneOf } from '../database/identifier-sql.ts'
import type { Relations } from '../database/relations.ts'

export interface UnreadableRow {
  external_id: string
  /** Undefined if no single column fails. */
  column: string | undefined
  /** SQLSTATE. */
  code: string
}

export type UnreadableRows = Record<RelationName, UnreadableRow[]>

/** Returns a FROM item for each relation, without the rows that cannot be read. */
export function excludeUnreadableRows(relations: Relations, unreadable?: UnreadableRows): RelationSources {
  const readable = (relation: RelationName) => {
    const table = sql.id(relations.schema, relation)
    const rows = unreadable?.[relation] ?? []
    if (rows.length === 0) return table
    const ids = rows.map(({ external_id }) => pg.escapeLiteral(external_id)).join()
    const isUnreadable = isOneOf(
      columnsOf(relations, relation, 'row')('external_id'),
      sql.raw(`array[${ids}]::text[]`),
    )
    // Without "offset 0" Postgres may evaluate a condition on another column first.
    return sql`(select * from ${table} as "row" where not ${isUnreadable} offset 0)`
  }
  return {
    debt_accounts: readable('debt_accounts'),
    customers: readable('customers'),
    locations: readable('locations'),
  }
}

/** Compiles SQL without parameters to text. */
export const compileSql = (relations: Relations, builder: RawBuilder<unknown>) =>
  builder.compile(compilerFor(relations)).sql

/**
 * Rows that Postgres cannot read because an expression of a view fails for them: a cast, a division by zero, an
 * exception of a function. One such row would end every pass over the data.
 */
import { type RawBuilder, sql } from 'kysely'
import type pg from 'pg'
import { type Column, columnsOf, compilerFor, isOneOf, read, rowOf } from '../database/column-sql.ts'
import { isCausedByRow, sqlState } from '../database/database-errors.ts'
import {
  COLUMNS,
  type Kind,
  RELATION_NAMES,
  type RelationName,
  type Relations,
} from '../database/relations.ts'
import { check, errorFinding, type Finding, ok } from './check.ts'
import type { UnreadableRow, UnreadableRows } from './readable-relations.ts'

const KEYS_PER_PAGE = 2000
/** More are counted by nobody: the view is wrong as a whole. */
const MAX_NAMED = 1000

export const rows = check({
  name: 'rows',
  needs: ['pool', 'relations', 'readable'],
  isPass: true,
  async run(context) {
    const { pool, relations } = context
    const unreadable: UnreadableRows = { debt_accounts: [], customers: [], locations: [] }
    const found: Finding[] = []
    let isComplete = true
    for (const relation of RELATION_NAMES) {
      const reader = readerOf(pool, relations, relation)
      const name = `${relations.schema}.${relation}`
      if ((await reader.firstSqlState()) === undefined) continue
      try {
        unreadable[relation] = await reader.findUnreadable()
        isComplete &&= unreadable[relation].length < MAX_NAMED
        found.push(...findingsOf(name, unreadable[relation]))
      } catch (caught) {
        if (!isCausedByRow(caught)) throw caught
        isComplete = false
        found.push(
          errorFinding(
            `${name} cannot be read (${sqlState(caught)}): external_id, a condition or a join of the view fails for some row`,
            'correct the view: every call may fail',
          ),
        )
      }
    }
    if (isComplete) context.unreadable = unreadable
    return found.length > 0 ? found : [ok('every row can be read')]
  },
})

const findingsOf = (name: string, unreadable: UnreadableRow[]): Finding[] =>
  [
    ...Map.groupBy(
      unreadable,
      ({ column, code }) => `${name}${column ? `.${column}` : ''} cannot be read (${code})`,
    ),
  ].map(([message, rows]) => ({
    state: 'error',
    message: rows.length < MAX_NAMED ? message : `${message}; the search ended at ${MAX_NAMED} rows`,
    remedy:
      'correct these rows or the expression of the view: a call that reads one is answered with an error',
    count: rows.length,
    examples: rows.slice(0, 3).map(({ external_id }) => external_id),
  }))

function readerOf(pool: pg.Pool, relations: Relations, relation: RelationName) {
  const kinds = COLUMNS[relation] as Record<string, Kind>
  const column = columnsOf(relations, relation, 'row') as (name: string) => Column
  const id = column('external_id')
  const key = sql<string>`${read(id)} collate "C"`
  const from = compilerFor(relations).selectFrom(`${relation} as row`)
  const count = (value: RawBuilder<unknown>) => from.select(sql`count(${value})`.as('count'))
  const whole = sql`${rowOf(kinds, column)}::text`
  const among = isOneOf(id, sql`$1::text[]`)

  /** @returns the SQLSTATE with which a row fails */
  async function failureOf(text: string, values: unknown[]): Promise<string | undefined> {
    try {
      await pool.query(text, values)
      return undefined
    } catch (error) {
      if (!isCausedByRow(error)) throw error
      return sqlState(error)
    }
  }
  const inRange = count(whole).where(among).compile().sql
  const keys = from
    .select(key.as('key'))
    .where(sql<boolean>`${key} > $1`)
    .groupBy(key)
    .orderBy(key)
    .limit(sql<number>`$2`)
    .compile().sql

  async function narrow(range: string[], found: UnreadableRow[]) {
    if (found.length >= MAX_NAMED) return
    const code = await failureOf(inRange, [range])
    if (code === undefined) return
    if (range.length > 1) {
      const half = Math.ceil(range.length / 2)
      await narrow(range.slice(0, half), found)
      return narrow(range.slice(half), found)
    }
    let failing: string | undefined
    for (const name of relations.columns[relation].keys()) {
      if (failing !== undefined || !Object.hasOwn(kinds, name)) continue
      if (
        await failureOf(
          count(read(column(name)))
            .where(among)
            .compile().sql,
          [range],
        )
      )
        failing = name
    }
    found.push({ external_id: range[0]!, column: failing, code })
  }

  return {
    firstSqlState: () => failureOf(count(whole).compile().sql, []),
    async findUnreadable() {
      const found: UnreadableRow[] = []
      for (let after = ''; found.length < MAX_NAMED; ) {
        const { rows } = await pool.query<{ key: string }>(keys, [after, KEYS_PER_PAGE])
        if (rows.length === 0) break
        after = rows.at(-1)!.key
        await narrow(
          rows.map(({ key }) => key),
          found,
        )
      }
      return found
    },
  }
}

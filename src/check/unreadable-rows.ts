/**
 * Finds rows that Postgres cannot read because an expression of a view fails for them: a cast, a division by zero,
 * an exception of a function. One such row would stop every scan of the data.
 */
import { type RawBuilder, sql } from 'kysely'
import type pg from 'pg'
import { type Column, columnsOf, compilerFor, read, rowOf } from '../database/column-sql.ts'
import { COLUMNS, type Kind, RELATION_NAMES, type RelationName } from '../database/columns.ts'
import { isCausedByRow, sqlState } from '../database/database-errors.ts'
import { isOneOf } from '../database/identifier-sql.ts'
import type { Relations } from '../database/relations.ts'
import { type CheckResult, check, errorResult, ok } from './check.ts'
import type { UnreadableRow, UnreadableRows } from './exclude-unreadable-rows.ts'

const KEYS_PER_PAGE = 2000
/** When more rows fail, the view as a whole is wrong, and the search stops. */
const MAX_FOUND = 1000

export const rows = check({
  name: 'rows',
  needs: ['pool', 'relations', 'readable'],
  readsAllRows: true,
  async run(context) {
    const { pool, relations } = context
    const unreadable: UnreadableRows = { debt_accounts: [], customers: [], locations: [] }
    const results: CheckResult[] = []
    let isComplete = true
    for (const relation of RELATION_NAMES) {
      const reader = createReader(pool, relations, relation)
      const name = `${relations.schema}.${relation}`
      if ((await reader.firstSqlState()) === undefined) continue
      try {
        unreadable[relation] = await reader.findUnreadable()
        isComplete &&= unreadable[relation].length < MAX_FOUND
        results.push(...resultsOf(name, unreadable[relation]))
      } catch (caught) {
        if (!isCausedByRow(caught)) throw caught
        isComplete = false
        results.push(
          errorResult(
            `${name} cannot be read (${sqlState(caught)}): external_id, a condition or a join of the view fails for some row`,
            'correct the view: every call may fail',
          ),
        )
      }
    }
    if (isComplete) context.unreadable = unreadable
    return results.length > 0 ? results : [ok('every row can be read')]
  },
})

const resultsOf = (name: string, unreadable: UnreadableRow[]): CheckResult[] =>
  [
    ...Map.groupBy(
      unreadable,
      ({ column, code }) => `${name}${column ? `.${column}` : ''} cannot be read (${code})`,
    ),
  ].map(([message, rows]) => ({
    state: 'error',
    message: rows.length < MAX_FOUND ? message : `${message}; the search stopped at ${MAX_FOUND} rows`,
    remedy:
      'correct these rows or the expression of the view: a call that reads one is answered with an error',
    count: rows.length,
    examples: rows.slice(0, 3).map(({ external_id }) => external_id),
  }))

function createReader(pool: pg.Pool, relations: Relations, relation: RelationName) {
  const kinds = COLUMNS[relation] as Record<string, Kind>
  const column = columnsOf(relations, relation, 'row') as (name: string) => Column
  const id = column('external_id')
  const key = sql<string>`${read(id)} collate "C"`
  const from = compilerFor(relations).selectFrom(`${relation} as row`)
  const count = (value: RawBuilder<unknown>) => from.select(sql`count(${value})`.as('count'))
  const wholeRow = sql`${rowOf(kinds, column)}::text`
  const isInRange = isOneOf(id, sql`$1::text[]`)

  /** @returns the SQLSTATE of the error; undefined when all rows can be read */
  async function failureOf(text: string, values: unknown[]): Promise<string | undefined> {
    try {
      await pool.query(text, values)
      return undefined
    } catch (error) {
      if (!isCausedByRow(error)) throw error
      return sqlState(error)
    }
  }
  const countRange = count(wholeRow).where(isInRange).compile().sql
  const keys = from
    .select(key.as('key'))
    .where(sql<boolean>`${key} > $1`)
    .groupBy(key)
    .orderBy(key)
    .limit(sql<number>`$2`)
    .compile().sql

  async function bisect(range: string[], found: UnreadableRow[]) {
    if (found.length >= MAX_FOUND) return
    const code = await failureOf(countRange, [range])
    if (code === undefined) return
    if (range.length > 1) {
      const half = Math.ceil(range.length / 2)
      await bisect(range.slice(0, half), found)
      return bisect(range.slice(half), found)
    }
    let failing: string | undefined
    for (const name of relations.columns[relation].keys()) {
      if (failing !== undefined || !Object.hasOwn(kinds, name)) continue
      if (
        await failureOf(
          count(read(column(name)))
            .where(isInRange)
            .compile().sql,
          [range],
        )
      )
        failing = name
    }
    found.push({ external_id: range[0]!, column: failing, code })
  }

  return {
    firstSqlState: () => failureOf(count(wholeRow).compile().sql, []),
    async findUnreadable() {
      const found: UnreadableRow[] = []
      for (let after = ''; found.length < MAX_FOUND; ) {
        const { rows } = await pool.query<{ key: string }>(keys, [after, KEYS_PER_PAGE])
        if (rows.length === 0) break
        after = rows.at(-1)!.key
        await bisect(
          rows.map(({ key }) => key),
          found,
        )
      }
      return found
    },
  }
}

/** The statement that looks an account up, compiled for the columns that exist. */
import { hash } from 'node:crypto'
import type pg from 'pg'
import type { Config } from '../config.ts'
import { SETTINGS } from '../settings.ts'
import { boundedQuery } from './batched-query.ts'
import { DatabaseUnavailableError, QueryError } from './database-errors.ts'
import { freshSql, limitedSql, lookupSql } from './lookup-sql.ts'
import type { Limits } from './pool.ts'
import {
  CATALOG,
  type CatalogRow,
  type Relations,
  readable,
  relationsOf,
  UnreadableRelationsError,
} from './relations.ts'

/** The lookup in a schema. It is compiled for the existing columns, and compiled again after they change. */
export interface AccountStatement {
  schema: string
  /** Whether to use a named prepared statement. */
  prepared: boolean
  /** JIT_MAX_ANSWER_BYTES. */
  maxBytes: number
  /** DATABASE_REPLICA_MAX_LAG_MS; absent for the primary. */
  maxLagMs?: number
  /** OMIT_FIELDS. */
  omitFields: string[]
  compiled?: CompiledStatement
  /** Present while the statement is being compiled. */
  compiling?: Promise<CompiledStatement> | undefined
}

export interface Statement {
  /** The name of the prepared statement; absent when those cannot be used. */
  name?: string
  /** Has the account's external_id as its only parameter. */
  text: string
}

export interface CompiledStatement {
  relations: Relations
  /** Returns an answer of up to INLINE_BYTES, and only the size of a larger one. */
  inline: Statement
  /** Returns an answer of up to JIT_MAX_ANSWER_BYTES. */
  large: Statement
}

/** Many answers of this size fit into memory. Larger ones are read only after `beforeLargeAnswer`. */
const INLINE_BYTES = 100_000

export const accountStatement = (
  schema: string,
  prepared: boolean,
  maxBytes = Number(SETTINGS.JIT_MAX_ANSWER_BYTES.default),
  omitFields: string[] = [],
): AccountStatement => ({ schema, prepared, maxBytes, omitFields })

/** The lookup with the settings. `prepared` is false for a single lookup. */
export const configuredStatement = (config: Config, prepared = false): AccountStatement =>
  accountStatement(config.DATABASE_SCHEMA, prepared, config.JIT_MAX_ANSWER_BYTES, config.OMIT_FIELDS)

/** Reads the catalog and compiles the statement; concurrent callers share one query. */
export function compile(pool: pg.Pool, statement: AccountStatement, limits: Pick<Limits, 'queryMs'>) {
  statement.compiling ??= compileNow(pool, statement, limits).finally(() => {
    statement.compiling = undefined
  })
  return statement.compiling
}

async function compileNow(
  pool: pg.Pool,
  statement: AccountStatement,
  limits: Pick<Limits, 'queryMs'>,
): Promise<CompiledStatement> {
  const { prepared, maxBytes, maxLagMs } = statement
  const relations = await readRelationsNow(pool, statement, limits)
  const limited = (bytes: number): Statement => {
    const lookup = limitedSql(lookupSql(relations), bytes)
    const text = maxLagMs === undefined ? lookup : freshSql(lookup, maxLagMs)
    return prepared ? { name: `tratta_jit_account_${hash('sha1', text).slice(0, 8)}`, text } : { text }
  }
  statement.compiled = {
    relations,
    inline: limited(Math.min(INLINE_BYTES, maxBytes)),
    large: limited(maxBytes),
  }
  return statement.compiled
}

/** The views may be changing at this time. Callers handle this like an unavailable database. */
async function readRelationsNow(
  pool: pg.Pool,
  { schema, omitFields }: AccountStatement,
  limits: Pick<Limits, 'queryMs'>,
) {
  try {
    const columns = await boundedQuery<CatalogRow>(pool, { text: CATALOG }, [schema], limits)
    return readable(relationsOf(schema, columns, omitFields))
  } catch (error) {
    throw error instanceof UnreadableRelationsError || error instanceof QueryError
      ? new DatabaseUnavailableError(error, false)
      : error
  }
}

/** The call log, and the record of reads by people. */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { type AccountEvent, readAccountEvents } from '../calls/account-events.ts'
import { compareCall } from '../calls/compare-call.ts'
import { type CallRow, endOfCalls, findCall, readCalls, readNewCalls } from '../calls/read-calls.ts'
import { readReads } from '../calls/reads.ts'
import { callTable, differencesText, eventText, readTable, type Table } from '../calls/text.ts'
import { type Config, readConfig } from '../config.ts'
import { databaseError } from '../database/connection-errors.ts'
import { createPool } from '../database/pool.ts'
import { print, printError, printJson, terminalColumns } from '../terminal/output.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { auditRead } from './audit-read.ts'
import { type CallsOptions, readCallsOptions } from './calls-options.ts'
import { DONE, failWith, NOT_UP_TO_DATE, type Options, SOME_REJECTED, stopSignal } from './command.ts'
import { lookUp, outcomeOf, wasRead } from './lookup.ts'

const DEFAULT_LIMIT = 50
/** Earlier calls that --follow prints first. */
const FOLLOW_LIMIT = 10
const PAGE = 1000
const POLL_MS = 500
const CONNECTION_MS = 10_000
const STATEMENT_MS = 60_000

export async function callsCommand(options: Options): Promise<number> {
  const given = readCallsOptions(options)
  const config = readConfig(process.env, 'DATABASE_URL')
  const pool = createPool(
    { ...config, DATABASE_POOL_SIZE: 1 },
    { connectionMs: CONNECTION_MS, statementMs: STATEMENT_MS },
  )
  try {
    if (options.audit) return await printReads(pool, given, options)
    if (config.CALL_LOG_DAYS === 0)
      throw new UserFacingError('The call log is off, because CALL_LOG_DAYS is 0', {
        remedy: 'Set CALL_LOG_DAYS to a number of days, also for `serve`, and restart `serve`',
      })
    if (options.compare !== undefined) return await compare(pool, config, String(options.compare), options)
    if (options.follow) return await follow(pool, given, options)
    return await printCalls(pool, given, options)
  } catch (error) {
    return failWith(withRemedy(error), options)
  } finally {
    await pool.end()
  }
}

/** What to do when the table is missing, or when this user may not read it. */
function withRemedy(error: unknown): unknown {
  const code = error instanceof pg.DatabaseError ? error.code : undefined
  if (code === '42P01' || code === '3F000') return new UserFacingError(NOT_UP_TO_DATE, { cause: error })
  if (code === '42501')
    return new UserFacingError('This database user may not read tratta_jit.calls and tratta_jit.reads', {
      remedy: 'Run `tratta-jit check`, which prints the missing grant',
      cause: error,
    })
  return error
}

async function printReads(pool: pg.Pool, { filter, limit = DEFAULT_LIMIT }: CallsOptions, { json }: Options) {
  const reads = await readReads(pool, filter, limit)
  if (json) for (const read of reads) await printJson(read)
  else {
    const table = readTable(reads, terminalColumns())
    await print([table.header, ...reads.map(table.line)].join('\n'))
  }
  return DONE
}

async function printCalls(pool: pg.Pool, { filter, limit = DEFAULT_LIMIT }: CallsOptions, options: Options) {
  const { externalId, since } = filter
  const events = externalId === undefined ? [] : await readAccountEvents(pool, externalId, since)
  let table: Table<CallRow> | undefined
  let printed = 0
  for await (const calls of pages(pool, filter, limit)) {
    table ??= await printHeader(calls, options)
    for (const call of calls) {
      while (events[0] && events[0].time > call.time) await printEvent(events.shift()!, filter, options)
      await printCall(call, table, options)
      printed += 1
    }
  }
  // Events before the last call on a full page belong to the next page.
  if (printed < limit) for (const event of events) await printEvent(event, filter, options)
  if (printed === 0 && !options.json) printError('No calls')
  return DONE
}

async function* pages(pool: pg.Pool, filter: CallsOptions['filter'], limit: number) {
  let before: CallRow | undefined
  for (let left = limit; left > 0; left -= PAGE) {
    const size = Math.min(left, PAGE)
    const calls = await readCalls(pool, filter, { limit: size, before })
    if (calls.length > 0) yield calls
    if (calls.length < size) return
    before = calls.at(-1)
  }
}

/** Prints the last calls, then new calls as they are stored. Continues after an outage of Postgres. */
async function follow(pool: pg.Pool, { filter, limit = FOLLOW_LIMIT }: CallsOptions, options: Options) {
  const stop = new AbortController()
  void stopSignal().then(() => stop.abort())
  let cursor = await endOfCalls(pool)
  const last = (await readCalls(pool, filter, { limit })).reverse()
  // Calls that were stored between the two reads are read again.
  const printed = new Set(last.map(({ request_id }) => request_id))
  const table = await printHeader(last, options)
  for (const call of last) await printCall(call, table, options)
  let isUnavailable = false
  while (!stop.signal.aborted) {
    try {
      const read = await readNewCalls(pool, filter, cursor)
      for (const call of read.calls) if (!printed.has(call.request_id)) await printCall(call, table, options)
      printed.clear()
      cursor = read.cursor
      isUnavailable = false
    } catch (error) {
      const known = databaseError(error)
      if (!known?.isTransient) throw error
      if (!isUnavailable) printError(known.message)
      isUnavailable = true
    }
    await pause(POLL_MS, undefined, { signal: stop.signal }).catch(() => {})
  }
  return DONE
}

async function compare(pool: pg.Pool, config: Config<'DATABASE_URL'>, requestId: string, options: Options) {
  const call = await findCall(pool, requestId)
  if (!call) throw new UserFacingError('The call log has no call with this request id')
  const externalId = call.external_id
  if (externalId === null)
    throw new UserFacingError('This call has no account, because its parameter is not valid')
  const current = await lookUp(config, externalId)
  if (!wasRead(current) && 'problem' in current) throw new UserFacingError(current.problem)
  await auditRead(config, { command: 'calls --compare', externalId })
  const differences = compareCall(call, current, outcomeOf(current))
  if (options.json)
    await printJson({ request_id: requestId, external_id: externalId, time: call.time, differences })
  else await print(differencesText(call, differences))
  return differences.length > 0 ? SOME_REJECTED : DONE
}

async function printHeader(calls: CallRow[], options: Options): Promise<Table<CallRow>> {
  const table = callTable(calls, terminalColumns())
  if (!options.json) await print(table.header)
  return table
}

const printCall = (call: CallRow, table: Table<CallRow>, { json }: Options) =>
  json ? printJson(call) : print(table.line(call))

const printEvent = (event: AccountEvent, { externalId }: CallsOptions['filter'], { json }: Options) =>
  json ? printJson({ ...event, external_id: externalId }) : print(eventText(event))

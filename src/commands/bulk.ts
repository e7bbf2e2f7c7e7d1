import type pg from 'pg'
import { boundMemory } from '../bound-memory.ts'
import { PushStopped } from '../bulk/deliver.ts'
import { type DryRun, dryRun } from '../bulk/dry-run.ts'
import { push } from '../bulk/push.ts'
import { readErrorsAgain } from '../bulk/read-again.ts'
import { readingFrom } from '../bulk/read-customers.ts'
import { CSV_HEADER, csvLine, type RefusalGroup, refusalGroups, refusalRows } from '../bulk/refusals.ts'
import { lockPushes, PushUnderWay, takeUpRun, targetOf } from '../bulk/runs.ts'
import { figures, noProgress, showPush } from '../bulk/show-progress.ts'
import { bulkStatus, nextStep, statusScreen } from '../bulk/status.ts'
import { type Config, readConfig } from '../config.ts'
import { isUpToDate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import { readable, readRelations, UnreadableRelations } from '../database/relations.ts'
import { number } from '../progress.ts'
import { print, printError, printJson } from '../terminal/output.ts'
import { printable } from '../terminal/printable.ts'
import { createTrattaClient } from '../tratta/client.ts'
import { secretsOf } from '../tratta/registration.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import {
  DONE,
  databaseMessage,
  FAILED,
  fail,
  NOT_UP_TO_DATE,
  type Options,
  SOME_REJECTED,
  stopSignal,
  UsageError,
} from './command.ts'

type BulkConfig = Config<'DATABASE_URL' | 'TRATTA_API_URL' | 'TRATTA_API_TOKEN'>

export async function bulkPushCommand(options: Options): Promise<number> {
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : Number(options.limit)
  if (options.limit !== undefined && !/^[1-9]\d{0,9}$/.test(String(options.limit)))
    throw new UsageError('--limit takes a number of rows')
  const asJson = Boolean(options.json) || !process.stdout.isTTY
  return withDatabase({ ...options, json: asJson }, async (config, pool) => {
    boundMemory()
    const stop = new AbortController()
    const progress = noProgress(config.TRATTA_REQUESTS_PER_MINUTE)
    const pushOptions = {
      kind: options['retry-rejected'] ? ('retry' as const) : ('all' as const),
      limit,
      mostBytes: config.TRATTA_BULK_BYTES,
      waitMs: config.TRATTA_BULK_WAIT_SECONDS * 1000,
      signal: stop.signal,
      progress,
    }
    const source = readingFrom(pool, readable(await readRelations(pool, config.DATABASE_SCHEMA)))
    void stopSignal().then(() => stop.abort(new PushStopped('Stopped')))
    const begun = performance.now()
    const endProgress = showPush(progress, asJson)
    try {
      if (options['dry-run']) {
        const { target, position } = await whereWeAre(pool, config.TRATTA_API_URL)
        const report = await dryRun(pool, source, target, position, pushOptions)
        endProgress()
        if (asJson) printJson({ event: 'dry_run', ...report })
        else print(dryRunScreen(report))
        return Object.keys(report.refused).length > 0 ? SOME_REJECTED : DONE
      }
      const unlock = await lockPushes(pool, () =>
        stop.abort(new PushStopped('The lock is lost: the connection to Postgres broke')),
      )
      try {
        const run = await takeUpRun(pool, await targetOf(pool, config.TRATTA_API_URL), pushOptions.kind)
        const result = await push(pool, source, clientFor(config), run, pushOptions)
        endProgress()
        await unlock()
        const { rows } = await pool.query(
          'select exists (select from tratta_jit.bulk_refusals where run = $1) as refused',
          [run.run],
        )
        const status = (await bulkStatus(pool, config.TRATTA_API_URL))!
        const seconds = (performance.now() - begun) / 1000
        if (asJson) printJson({ event: 'pushed', ...figures(progress, seconds), next: nextStep(status) })
        else print(statusScreen(status))
        for (const message of result.unreadable) printError(message)
        if (result.unknown > 0)
          printError(`Of ${result.unknown} requests it is not known whether they arrived`)
        if (result.unknown + result.unreadable.length > 0) return FAILED
        return rows[0].refused ? SOME_REJECTED : DONE
      } finally {
        await unlock()
      }
    } finally {
      endProgress()
    }
  })
}

export async function bulkErrorsCommand(options: Options, [bulkId]: string[]): Promise<number> {
  if (options.json && options.csv) throw new UsageError('bulk errors takes --json or --csv')
  return withDatabase(options, async (config, pool) => {
    const { target } = await whereWeAre(pool, config.TRATTA_API_URL)
    if (target === undefined) return fail('Nothing was sent yet: `bulk push` does it', options)
    const problem = await readErrorsAgain(pool, clientFor(config), target, bulkId)
    if (problem) printError(problem)
    let refused = false
    if (options.csv || options.json || options.rows) {
      if (options.csv) await print(CSV_HEADER)
      for await (const row of refusalRows(pool, target, bulkId)) {
        refused = true
        if (options.csv) await print(csvLine(row))
        else if (options.json) await printJson(row)
        else await print(printable(`${namesOf(row)}  ${row.refused_by}: ${row.reasons.join('; ')}`))
      }
    } else {
      const groups = await refusalGroups(pool, target, bulkId)
      refused = groups.length > 0
      await print(groupsScreen(groups))
    }
    return problem ? FAILED : refused ? SOME_REJECTED : DONE
  })
}

export async function bulkStatusCommand(options: Options): Promise<number> {
  return withDatabase(options, async (config, pool) => {
    const status = await bulkStatus(pool, config.TRATTA_API_URL)
    if (!status) {
      if (options.json) printJson({ api_url: config.TRATTA_API_URL, run: null, next: '`bulk push`' })
      else print('Nothing was sent yet: `bulk push` does it')
    } else if (options.json) printJson({ ...status, next: nextStep(status) })
    else print(statusScreen(status))
    return DONE
  })
}

/** One connection holds the lock, one reads ahead; the others write down what is under way. */
const CONNECTIONS = 8
const STATEMENT_MS = 5 * 60_000

async function withDatabase(
  options: Options,
  work: (config: BulkConfig, pool: pg.Pool) => Promise<number>,
): Promise<number> {
  const config = readConfig(process.env, 'DATABASE_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN')
  const pool = createPool(
    { ...config, DATABASE_POOL_SIZE: CONNECTIONS },
    { connectionMs: 30_000, statementMs: STATEMENT_MS },
  )
  try {
    if (!(await isUpToDate(pool))) return say(NOT_UP_TO_DATE, options)
    return await work(config, pool)
  } catch (error) {
    if (error instanceof PushUnderWay || error instanceof UnreadableRelations)
      return say(error.message, options)
    if (error instanceof PushStopped || error instanceof TrattaError)
      return say(
        `${error.message.replace(/\.$/, '')}. What was sent is written down; run it again to go on.`,
        options,
      )
    const message = databaseMessage(error)
    if (message) return say(`${message}. What was sent is written down; run it again to go on.`, options)
    throw error
  } finally {
    await pool.end()
  }
}

/** On a pipe the other end gets JSON, and whoever looks at the terminal or the mail of cron a sentence. */
function say(message: string, options: Options) {
  if (options.json) printJson({ error: message })
  printError(message)
  return FAILED
}

async function whereWeAre(pool: pg.Pool, apiUrl: string) {
  const { rows } = await pool.query<{ target: number; position: string | null }>(
    `select target, (select position from tratta_jit.bulk_runs as run
       where run.target = target.target and kind = 'all' and ended_at is null order by run desc limit 1) as position
     from tratta_jit.bulk_targets as target where api_url = $1`,
    [apiUrl],
  )
  return { target: rows[0]?.target, position: rows[0]?.position ?? '' }
}

const clientFor = (config: BulkConfig) =>
  createTrattaClient({
    apiUrl: config.TRATTA_API_URL,
    token: config.TRATTA_API_TOKEN,
    requestsPerMinute: config.TRATTA_REQUESTS_PER_MINUTE,
    secrets: secretsOf(config),
  })

const by = { us: 'by us', tratta: 'by Tratta' }

function groupsScreen(groups: RefusalGroup[]): string {
  if (groups.length === 0) return 'Nothing is refused'
  return groups
    .map(
      ({ refused_by, reason, count, examples }) =>
        `${number(count).padStart(9)} × ${printable(reason)}\n            ${by[refused_by]}, e.g. ${printable(examples.join(', '))}`,
    )
    .join('\n')
}

const namesOf = (row: {
  customer_external_id: string | null
  location_external_id: string | null
  debt_account_external_id: string | null
}) =>
  [
    row.customer_external_id && `customer ${row.customer_external_id}`,
    row.location_external_id && `at ${row.location_external_id}`,
    row.debt_account_external_id && `account ${row.debt_account_external_id}`,
  ]
    .filter(Boolean)
    .join(' ')

function dryRunScreen(report: DryRun): string {
  const { customers, without_accounts, rows, debt_accounts, requests, bytes, refused, omitted } = report
  const lines = [
    `Would send ${number(debt_accounts)} accounts of ${number(customers)} customers: ${number(rows)} rows in ${number(requests)} requests, ${number(bytes)} bytes`,
  ]
  if (without_accounts > 0) lines.push(`${number(without_accounts)} customers have no account`)
  for (const [what, { count, examples }] of Object.entries(refused))
    lines.push(`refused by us: ${number(count)} × ${what}, e.g. ${printable(examples.join(', '))}`)
  for (const [what, { count, examples }] of Object.entries(omitted))
    lines.push(`omitted: ${number(count)} × ${what}, e.g. of ${printable(examples.join(', '))}`)
  return lines.join('\n')
}

/** `trigger --sample N`: a rehearsal of calls over N accounts before go-live. */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { readConfig } from '../config.ts'
import { configuredStatement } from '../database/account-statement.ts'
import { isUpToDate } from '../database/migrate.ts'
import { createPool, limitsWithin } from '../database/pool.ts'
import { readable, readRelations } from '../database/relations.ts'
import { lookUpAccount } from '../payload/look-up-account.ts'
import { formatDuration } from '../terminal/format.ts'
import { print, printError, printJson } from '../terminal/output.ts'
import { showProgress, showWaiting } from '../terminal/progress.ts'
import { type RegistrationConfig, trattaClient } from '../tratta/jit-url.ts'
import { loadReadings } from '../tratta/readings.ts'
import { isRegistered } from '../tratta/registration-store.ts'
import { runSample } from '../trigger-sample/run-sample.ts'
import { reportOf, reportText } from '../trigger-sample/sample-report.ts'
import { readCallTimes, readSample, type SampleRow, storeSample } from '../trigger-sample/sample-store.ts'
import { selectAccounts } from '../trigger-sample/select-accounts.ts'
import { UsageError } from '../user-facing-error.ts'
import { auditRead } from './audit-read.ts'
import {
  DONE,
  FAILED,
  fail,
  failWith,
  NOT_UP_TO_DATE,
  type Options,
  SOME_REJECTED,
  stopSignal,
} from './command.ts'
import { REGISTRATION_SETTINGS } from './register.ts'

const MAX_SAMPLE = 10_000
const SELECT_MS = 3000
/** `serve` stores a call a quarter of a second after its answer. */
const CALL_LOG_MS = 500
const STORED = 'Stopped. The results are stored: run the same command again to resume'

export async function triggerSample(options: Options): Promise<number> {
  const size = readSize(options)
  const config = readConfig(process.env, ...REGISTRATION_SETTINGS)
  const pool = createPool(config, { connectionMs: 30_000, statementMs: SELECT_MS })
  try {
    if (!(await isUpToDate(pool))) return fail(NOT_UP_TO_DATE, options)
    return await rehearse(config, pool, size, options)
  } catch (error) {
    return failWith(error, options)
  } finally {
    await pool.end()
  }
}

function readSize({ sample }: Options): number {
  const size = /^[1-9]\d{0,5}$/.test(String(sample)) ? Number(sample) : MAX_SAMPLE + 1
  if (size > MAX_SAMPLE) throw new UsageError(`--sample must be a number of accounts from 1 to ${MAX_SAMPLE}`)
  return size
}

async function rehearse(config: RegistrationConfig, pool: pg.Pool, size: number, options: Options) {
  const { TRATTA_API_URL: apiUrl } = config
  const asJson = Boolean(options.json)
  const rows = await openSample(config, pool, size, asJson)
  if (rows.length === 0) return fail('There are no accounts', options)
  const limits = limitsWithin(config.JIT_DEADLINE_MS)
  const statement = configuredStatement(config)
  const { ssnLast4 } = await loadReadings(pool, config)
  const stop = new AbortController()
  void stopSignal().then(() => stop.abort())
  const open = rows.filter(({ result }) => result === null)
  const progress = { done: 0, notAccepted: 0 }
  const endProgress = showProgress(
    asJson,
    (seconds) => progressFields(progress, open.length, seconds),
    (seconds) => progressLine(progress, open.length, seconds),
  )
  let failure: unknown
  try {
    await runSample(open, {
      pool,
      client: trattaClient(config),
      apiUrl,
      lookUp: (id) => lookUpAccount(pool, statement, id, { ...limits, ssnLast4 }),
      isRegistered: () => isRegistered(config, pool),
      signal: stop.signal,
      async onOutcome({ external_id, traits }, outcome) {
        progress.done += 1
        if (outcome.result !== 'accepted') progress.notAccepted += 1
        if (asJson) await printJson({ event: 'account', external_id, traits, ...rounded(outcome) })
      },
    })
  } catch (error) {
    failure = error
  }
  endProgress()

  await pause(CALL_LOG_MS)
  const report = reportOf(await readSample(pool, apiUrl, size), await readCallTimes(pool, apiUrl))
  const { accepted, accounts, left } = report
  await auditRead(config, {
    command: `trigger --sample ${size}`,
    result: `${accepted} of ${accounts} accepted, ${left} not triggered`,
  })
  if (asJson) await printJson({ event: 'summary', ...report })
  else await print(reportText(report))
  if (left > 0) printError(`${STORED}.`)
  if (failure && !(await isRegistered(config, pool)))
    return fail(`Not registered yet: run \`tratta-jit register\`. ${(failure as Error).message}`, options)
  if (failure) return failWith(failure, options)
  if (left > 0) return FAILED
  return accepted === accounts ? DONE : SOME_REJECTED
}

/** Returns the sample that is not complete, or a new one. */
async function openSample(
  config: RegistrationConfig,
  pool: pg.Pool,
  size: number,
  asJson: boolean,
): Promise<SampleRow[]> {
  const { TRATTA_API_URL: apiUrl } = config
  const stored = await readSample(pool, apiUrl, size)
  const left = stored.filter(({ result }) => result === null).length
  if (left > 0) {
    const since = stored[0]!.created_at.toISOString().replace(/\.\d+/, '')
    if (!asJson)
      await print(`Resumes the sample of ${since}: ${left} of ${stored.length} accounts are left\n`)
    return stored
  }
  const relations = readable(await readRelations(pool, config.DATABASE_SCHEMA))
  const { accounts, unreadable } = await showWaiting(asJson, 'Choosing accounts', () =>
    selectAccounts(pool, relations, size),
  )
  if (unreadable.length > 0)
    printError(`No account was found in time for: ${unreadable.join(', ')}. The views are slow there.`)
  await storeSample(pool, apiUrl, size, accounts)
  return readSample(pool, apiUrl, size)
}

const rounded = <Times extends { our_ms: number | null; tratta_ms: number | null }>(
  outcome: Times,
): Times => ({
  ...outcome,
  our_ms: Math.round((outcome.our_ms ?? 0) * 10) / 10,
  tratta_ms: Math.round((outcome.tratta_ms ?? 0) * 10) / 10,
})

interface SampleProgress {
  done: number
  notAccepted: number
}

function progressFields({ done, notAccepted }: SampleProgress, total: number, seconds: number) {
  const rate = done / seconds
  return {
    seconds: Math.round(seconds),
    accounts: done,
    accounts_total: total,
    not_accepted: notAccepted,
    accounts_per_second: Math.round(rate * 10) / 10,
    ...(rate > 0 && { seconds_left: Math.round((total - done) / rate) }),
  }
}

function progressLine(progress: SampleProgress, total: number, seconds: number): string {
  const { accounts, accounts_per_second, not_accepted, seconds_left } = progressFields(
    progress,
    total,
    seconds,
  )
  const left = seconds_left === undefined ? '' : `, ${formatDuration(seconds_left)} left`
  return `${accounts} of ${total} accounts, ${accounts_per_second}/s, ${not_accepted} not accepted${left}`
}

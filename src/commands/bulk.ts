import { PushStoppedError } from '../bulk/backoff.ts'
import { dryRun } from '../bulk/dry-run.ts'
import { emptyProgress, progressFields, showErrorsProgress, showPushProgress } from '../bulk/progress.ts'
import { push } from '../bulk/push.ts'
import { lockPushes } from '../bulk/push-lock.ts'
import { readDueErrors } from '../bulk/read-errors.ts'
import { CSV_HEADER, csvLine, readRejectionGroups, readRejectionRows } from '../bulk/rejections.ts'
import { findOrCreateTarget, findTarget, readLearned, resumeRun } from '../bulk/runs.ts'
import { findSameIds } from '../bulk/same-ids.ts'
import type { Selection } from '../bulk/select-accounts.ts'
import { readBulkStatus } from '../bulk/status.ts'
import { dryRunText, nextStep, rejectionGroupsText, rejectionText, statusText } from '../bulk/text.ts'
import { limitHeapGrowth } from '../limit-heap-growth.ts'
import { print, printError, printJson } from '../terminal/output.ts'
import { showWaiting } from '../terminal/progress.ts'
import { loadReadings } from '../tratta/readings.ts'
import { UsageError } from '../user-facing-error.ts'
import { auditRead } from './audit-read.ts'
import { clientFor, sourceOf, withDatabase } from './bulk-database.ts'
import { DONE, FAILED, fail, type Options, SOME_REJECTED, stopSignal } from './command.ts'

export async function bulkPushCommand(options: Options): Promise<number> {
  const limit = readLimit(options)
  const selection = readSelection(options)
  const asJson = Boolean(options.json)
  return withDatabase(options, async (config, pool) => {
    limitHeapGrowth()
    const stop = new AbortController()
    const progress = emptyProgress(config.TRATTA_REQUESTS_PER_MINUTE)
    const { source, relations } = await sourceOf(pool, config)
    const readings = await loadReadings(pool, config)
    const sameIds = await findSameIds(pool, relations, readings)
    void stopSignal().then(() => stop.abort(new PushStoppedError('Stopped')))
    const start = performance.now()
    const endProgress = showPushProgress(progress, asJson)
    try {
      if (options['dry-run']) {
        const found = await findTarget(pool, config.TRATTA_API_URL)
        const position = found?.position ?? ''
        if (selection.kind === 'all') progress.total = await source.countAfter(position)
        const plan = {
          source,
          target: found?.target,
          position,
          selection,
          limit,
          maxima: { rows: readings.maxBulkRows, bytes: readings.maxBulkBytes },
          readings: { ...readings, sameIds },
          signal: stop.signal,
        }
        const report = await dryRun(pool, plan, progress)
        endProgress()
        if (asJson) await printJson({ event: 'dry_run', ...report })
        else await print(dryRunText(report))
        return report.rejected.length > 0 ? SOME_REJECTED : DONE
      }
      const unlock = await lockPushes(pool, () =>
        stop.abort(new PushStoppedError('The lock was lost because the connection to Postgres failed')),
      )
      try {
        const target = await findOrCreateTarget(pool, config.TRATTA_API_URL)
        const run = await resumeRun(pool, target, selection.kind)
        const { unreadable } = await push(pool, source, clientFor(config), run, {
          selection,
          limit,
          readings,
          sameIds,
          waitMs: config.TRATTA_BULK_WAIT_SECONDS * 1000,
          maxWaitMs: config.TRATTA_BULK_MAX_WAIT_SECONDS * 1000,
          signal: stop.signal,
          progress,
        })
        endProgress()
        await unlock()
        const learned = await readLearned(pool, run)
        const status = await readBulkStatus(pool, source, config.TRATTA_API_URL)
        const seconds = (performance.now() - start) / 1000
        if (asJson)
          await printJson({ event: 'pushed', ...progressFields(progress, seconds), next: nextStep(status) })
        else await print(statusText(status))
        for (const message of unreadable) printError(message)
        if (learned.unknown)
          printError('It is unknown whether Tratta has some of the accounts: see `tratta-jit bulk status`')
        if (unreadable.length > 0) return FAILED
        return learned.rejected || learned.unknown ? SOME_REJECTED : DONE
      } finally {
        await unlock()
      }
    } finally {
      endProgress()
    }
  })
}

export async function bulkErrorsCommand(options: Options, [bulkId]: string[]): Promise<number> {
  if (options.json && options.csv) throw new UsageError('--json and --csv cannot be combined')
  return withDatabase(options, async (config, pool) => {
    const found = await findTarget(pool, config.TRATTA_API_URL)
    if (!found) return fail('Nothing was sent yet. Run `tratta-jit bulk push` first.', options)
    const { target } = found
    const again = Boolean(options.again)
    const progress = { read: 0, total: 0 }
    const endProgress = showErrorsProgress(progress, Boolean(options.json))
    const problems = await readDueErrors(pool, clientFor(config), target, {
      bulkId,
      again,
      progress,
    }).finally(endProgress)
    for (const problem of problems) printError(problem)
    let hasRejections = false
    if (options.csv || options.json || options.rows) {
      await auditRead(config, { command: 'bulk errors --rows' })
      if (options.csv) await print(CSV_HEADER)
      for await (const row of readRejectionRows(pool, target, bulkId)) {
        hasRejections = true
        if (options.csv) await print(csvLine(row))
        else if (options.json) await printJson(row)
        else await print(rejectionText(row))
      }
    } else {
      const groups = await readRejectionGroups(pool, target, bulkId)
      hasRejections = groups.length > 0
      await print(rejectionGroupsText(groups))
    }
    return problems.length > 0 ? FAILED : hasRejections ? SOME_REJECTED : DONE
  })
}

export async function bulkStatusCommand(options: Options): Promise<number> {
  return withDatabase(options, async (config, pool) => {
    const { source } = await sourceOf(pool, config)
    const status = await showWaiting(Boolean(options.json), 'Counting accounts', () =>
      readBulkStatus(pool, source, config.TRATTA_API_URL),
    )
    if (options.json) await printJson({ ...status, next: nextStep(status) })
    else await print(statusText(status))
    return DONE
  })
}

function readLimit({ limit }: Options): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY
  if (!/^[1-9]\d{0,9}$/.test(String(limit))) throw new UsageError('--limit must be a number of rows')
  return Number(limit)
}

function readSelection(options: Options): Selection {
  const isRetry = Boolean(options['retry-rejected'])
  if (options.unchanged && !isRetry) throw new UsageError('--unchanged needs --retry-rejected')
  return { kind: isRetry ? 'retry' : 'all', unchanged: Boolean(options.unchanged) }
}

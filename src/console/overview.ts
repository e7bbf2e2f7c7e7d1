/** The first page: readiness, registration, the charts, the last errors, omitted fields and bulk. */
import { setTimeout as pause } from 'node:timers/promises'
import { html } from 'ghtml'
import { type ImportRecord, listImports } from '../import/imports-table.ts'
import type { App } from '../responder/app.ts'
import type { OperationalStatus } from '../responder/operational-status.ts'
import type { RegistrationState } from '../tratta/register-in-background.ts'
import {
  type ErrorRow,
  type OmittedRow,
  readLastErrors,
  readOmitted,
  readStatistics,
} from './call-statistics.ts'
import { callsChart, timesChart } from './charts.ts'
import { badge, code, facts, type Html, message, outcomeBadge, table, time } from './html.ts'
import { importSummary } from './imports.ts'
import { live } from './layout.ts'
import type { Shared } from './shared.ts'

const HOUR_TTL_MS = 2000
const DAY_TTL_MS = 60_000
const LAST_ERRORS = 8
const OMITTED_FIELDS = 8
const LIVE_SECONDS = 5
/** A page is shown without the charts after this time. */
const MAX_WAIT_MS = 100

export function addOverview(
  app: App,
  { config, pool, readiness, operationalStatus, registration, send }: Shared,
) {
  const hour = keepFresh(HOUR_TTL_MS, () => readStatistics(pool, 60, 60))
  const day = keepFresh(DAY_TTL_MS, () =>
    Promise.all([readStatistics(pool, 900, 96), readOmitted(pool, OMITTED_FIELDS)]),
  )
  app.get('/', async (request, reply) => {
    const [missing, read, lastHour, lastDay, errors, imports] = await Promise.all([
      readiness.missing(),
      operationalStatus.read(),
      hour(),
      day(),
      readLastErrors(pool, LAST_ERRORS).catch(() => undefined),
      listImports(pool, 1).catch(() => []),
    ])
    const isCounting = lastHour === 'loading' || lastDay === 'loading'
    const charts = isCounting
      ? html`<p class="empty">The calls are being counted …</p>`
      : lastHour && lastDay
        ? html`<div class="charts">!${callsChart(lastHour, 'hour')}!${callsChart(lastDay[0], 'day')}
            !${timesChart(lastHour, 'hour')}!${timesChart(lastDay[0], 'day')}</div>`
        : message('bad', html`<p>The call log cannot be read. Run a <a href="check">check</a>.</p>`)
    return send(request, reply, {
      title: 'Overview',
      path: './',
      reloadSeconds: 30,
      body: live(
        'overview',
        LIVE_SECONDS,
        html`!${status(missing, read.operationalStatus, registration(), config)}
          <h2>Calls</h2>!${charts}
          <h2>Last errors</h2>!${lastErrors(errors ?? [])}
          <h2>Omitted fields <small>last day</small></h2>!${omittedFields(lastDay && lastDay !== 'loading' ? lastDay[1] : [])}
          <h2>Bulk</h2>!${bulk(read.operationalStatus)}
          <h2>Last import</h2>!${lastImport(imports[0])}`,
      ),
    })
  })
}

function status(
  missing: string | undefined,
  stored: OperationalStatus | undefined,
  state: RegistrationState,
  config: { PUBLIC_URL?: string; TRATTA_API_URL?: string },
): Html {
  const pending = stored?.migrations.pending ?? []
  const since = stored?.registered_at ? new Date(stored.registered_at * 1000) : undefined
  return html`!${
    missing
      ? message(
          'bad',
          html`<strong>Not ready:</strong> ${missing === 'database' ? 'Postgres does not answer' : missing}`,
        )
      : message('good', html`<strong>Ready</strong> to answer calls`)
  }!${
    pending.length > 0
      ? message(
          'bad',
          html`Migrations have not run: ${pending.join(', ')}. Run !${code('tratta-jit migrate')}.`,
        )
      : ''
  }!${facts([
    ['Registration', registrationText(state, since)],
    ['URL at Tratta', config.PUBLIC_URL ? html`${config.PUBLIC_URL}/jit/…` : 'PUBLIC_URL is not set'],
    ['Tratta', config.TRATTA_API_URL ? html`${config.TRATTA_API_URL}` : 'TRATTA_API_URL is not set'],
  ])}`
}

const REGISTRATION: Record<RegistrationState, [Parameters<typeof badge>[0], string]> = {
  registered: ['good', 'registered'],
  already_registered: ['good', 'registered by someone else'],
  pending: ['warn', 'pending'],
  rejected: ['bad', 'rejected by Tratta'],
  failed: ['bad', 'failed'],
  off: ['plain', 'off'],
}

const registrationText = (state: RegistrationState, since: Date | undefined) =>
  html`!${badge(...REGISTRATION[state])} !${since ? html`since !${time(since)}` : ''}`

const lastErrors = (errors: ErrorRow[]) =>
  table(
    ['Time', 'Outcome', 'Account', 'Details', ''],
    errors.map((row) => [
      time(row.time),
      outcomeBadge(row.outcome),
      html`${row.external_id}`,
      html`${row.error}`,
      html`<a href="call?id=${encodeURIComponent(row.request_id)}">Show<span class="hidden"> call of ${row.external_id}</span></a>`,
    ]),
    html`No call has failed. Calls that fail are listed here.`,
  )

const lastImport = (record: ImportRecord | undefined) =>
  record
    ? html`<p>!${importSummary(record)} <a href="imports">Show imports</a></p>`
    : html`<p class="empty">There are no imports yet. With views there are none.</p>`

const omittedFields = (rows: OmittedRow[]) =>
  table(
    ['Field', 'Calls'],
    rows.map(({ field, count }) => [code(field), html`${count.toLocaleString('en-US')}`]),
    html`No field was omitted. Optional fields that Tratta would reject are listed here.`,
  )

function bulk(stored: OperationalStatus | undefined): Html {
  const states = Object.entries(stored?.bulk.by_state ?? {})
  if (!stored || states.length === 0)
    return html`<p class="empty">Nothing was uploaded to Tratta. Run !${code('tratta-jit bulk push --dry-run')} first.</p>`
  const { running, open } = stored.bulk
  return html`<p>!${running ? badge('warn', 'a push is running') : open ? badge('bad', 'the last push is not complete') : badge('good', 'complete')}
    <a href="bulk">Show bulk</a></p>!${table(
      ['State', 'Requests', 'Customers'],
      states.map(([state, { requests, customers }]) => [
        html`${state}`,
        html`${requests.toLocaleString('en-US')}`,
        html`${customers.toLocaleString('en-US')}`,
      ]),
      '',
    )}`
}

/**
 * Returns the last result at once, and loads a new one when it is older than `ttlMs`: counting a million calls can take
 * seconds. @returns undefined after an error
 */
function keepFresh<Result>(
  ttlMs: number,
  load: () => Promise<Result>,
): () => Promise<Result | 'loading' | undefined> {
  let last: { at: number; result: Result | undefined } | undefined
  let loading: Promise<void> | undefined
  return async () => {
    if (!last || performance.now() - last.at > ttlMs)
      loading ??= load()
        .catch(() => undefined)
        .then((result) => {
          last = { at: performance.now(), result }
          loading = undefined
        })
    if (!last) await Promise.race([loading, pause(MAX_WAIT_MS)])
    return last ? last.result : 'loading'
  }
}

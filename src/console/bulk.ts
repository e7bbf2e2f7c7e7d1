/** The state of bulk uploads, the last runs, and the rejections: grouped, row by row, and as CSV. */
import { Readable } from 'node:stream'
import { html } from 'ghtml'
import type pg from 'pg'
import {
  CSV_HEADER,
  csvLine,
  type RejectionGroup,
  type RejectionRow,
  readRejectionGroups,
  readRejectionRows,
} from '../bulk/rejections.ts'
import { readRequestCounts } from '../bulk/request-counts.ts'
import { findTarget } from '../bulk/runs.ts'
import { recordRead } from '../calls/reads.ts'
import type { App } from '../responder/app.ts'
import { type RunRow, readRuns } from './bulk-runs.ts'
import { badge, code, facts, type Html, postForm, table, time } from './html.ts'
import { live } from './layout.ts'
import type { Shared } from './shared.ts'

const LIVE_SECONDS = 5
const MAX_ROWS = 200
const FORM = { config: { hasForm: true } } as const

export function addBulkPages(app: App, { config, pool, send }: Shared) {
  const targetOf = async () =>
    config.TRATTA_API_URL ? (await findTarget(pool, config.TRATTA_API_URL))?.target : undefined

  app.get('/bulk', async (request, reply) => {
    const target = await targetOf()
    return send(request, reply, {
      title: 'Bulk',
      path: 'bulk',
      reloadSeconds: 30,
      body: target === undefined ? nothingSent : await overview(pool, target, request.session!.token),
    })
  })

  app.post('/bulk-rows', FORM, async (request, reply) => {
    const target = await targetOf()
    await recordRead(pool, { user: request.session!.user, command: 'console bulk rows' })
    const rows: RejectionRow[] = []
    if (target !== undefined)
      for await (const row of readRejectionRows(pool, target, undefined))
        if (rows.push(row) === MAX_ROWS) break
    return send(request, reply, {
      title: 'Rejected rows',
      path: 'bulk',
      body: html`<p><a href="bulk">Back to bulk</a></p>!${rejectedRows(rows)}!${
        rows.length === MAX_ROWS
          ? html`<p>The CSV file has all rows; these are the first ${MAX_ROWS}.</p>`
          : ''
      }`,
    })
  })

  app.post('/bulk-csv', FORM, async (request, reply) => {
    const target = await targetOf()
    await recordRead(pool, { user: request.session!.user, command: 'console bulk csv' })
    request.outcome = 'answered'
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', 'attachment; filename="rejections.csv"')
      .send(Readable.from(csv(pool, target)))
  })
}

async function* csv(pool: pg.Pool, target: number | undefined) {
  yield `${CSV_HEADER}\r\n`
  if (target === undefined) return
  for await (const row of readRejectionRows(pool, target, undefined)) yield `${csvLine(row)}\r\n`
}

const nothingSent = html`<p class="empty">Nothing was uploaded to Tratta. Run !${code('tratta-jit bulk push --dry-run')} to see what
  would be sent.</p>`

async function overview(pool: pg.Pool, target: number, token: string): Promise<Html> {
  const [runs, counts, groups] = await Promise.all([
    readRuns(pool, target),
    readRequestCounts(pool, target),
    readRejectionGroups(pool, target, undefined),
  ])
  const byState = Object.entries(counts.by_state).map(([state, count]) => `${count} ${state}`)
  return html`!${live(
    'bulk',
    LIVE_SECONDS,
    html`!${facts([
      ['Requests', html`${byState.join(', ') || 'none'}`],
      [
        'Rate',
        counts.rows_per_minute
          ? html`${counts.rows_per_minute.toLocaleString('en-US')} rows a minute`
          : undefined,
      ],
      ['Last error', counts.last_error ? html`${counts.last_error}` : undefined],
    ])}<p>!${code('tratta-jit bulk status')} counts accounts by state, and names the next step.</p>
    <h2>Runs</h2>!${runsTable(runs)}`,
  )}<h2>Rejections</h2>!${rejectionGroups(groups)}!${
    groups.length === 0
      ? ''
      : html`<div class="actions">!${postForm('bulk-rows', token, {}, 'Show rows', 'Your name is recorded.')}
        !${postForm('bulk-csv', token, {}, 'Download CSV', 'Your name is recorded.')}</div>`
  }`
}

const runsTable = (runs: RunRow[]) =>
  table(
    ['Run', 'Kind', 'Started', 'Ended', 'Customers read', 'Requests settled', 'Omitted'],
    runs.map((run) => [
      html`${run.run}`,
      html`${run.kind === 'retry' ? 'retry of rejected' : 'all'}`,
      time(run.started_at),
      run.ended_at ? time(run.ended_at) : run.is_running ? badge('warn', 'running') : badge('bad', 'stopped'),
      html`${Number(run.customers).toLocaleString('en-US')}`,
      html`<progress max="${run.requests || 1}" value="${run.settled}" aria-label="Settled requests"></progress> ${run.settled} of ${run.requests}`,
      html`${Object.values(run.omitted)
        .reduce((sum, { count }) => sum + count, 0)
        .toLocaleString('en-US')}`,
    ]),
    '',
  )

const rejectionGroups = (groups: RejectionGroup[]) =>
  table(
    ['Count', 'Message', 'Rejected by', 'Examples'],
    groups.map(({ count, reason, rejected_by, outcome, examples }) => [
      html`${count.toLocaleString('en-US')}`,
      html`${reason} !${outcome === 'rejected' ? '' : badge('warn', outcome)}`,
      html`${rejected_by === 'us' ? 'us, before sending' : 'Tratta'}`,
      html`!${examples.map((id) => html`<span class="id">${id}</span>`).join(', ')}`,
    ]),
    html`Nothing is rejected.`,
  )

const rejectedRows = (rows: RejectionRow[]) =>
  table(
    ['Customer', 'Location', 'Account', 'Rejected by', 'Reasons', 'bulk_id', 'Found'],
    rows.map((row) => [
      html`<span class="id">${row.customer_external_id}</span>`,
      html`<span class="id">${row.location_external_id}</span>`,
      html`<span class="id">${row.debt_account_external_id}</span>`,
      html`${row.rejected_by === 'us' ? 'us' : 'Tratta'} !${row.outcome === 'rejected' ? '' : badge('warn', row.outcome)}`,
      html`${row.reasons.join('; ')}`,
      html`${row.bulk_id}`,
      time(row.found_at),
    ]),
    html`Nothing is rejected.`,
  )

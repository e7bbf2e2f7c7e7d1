/** The call log with filters, and one call. */
import { setTimeout as pause } from 'node:timers/promises'
import { html } from 'ghtml'
import type pg from 'pg'
import { type CallFilter, type CallPage, type CallRow, findCall, readCalls } from '../calls/read-calls.ts'
import type { App } from '../responder/app.ts'
import { CALL_OUTCOMES } from '../responder/problem.ts'
import { callDetails } from './call-details.ts'
import {
  badge,
  code,
  dollars,
  type Html,
  message,
  milliseconds,
  outcomeBadge,
  postForm,
  select,
  table,
  time,
} from './html.ts'
import { live } from './layout.ts'
import type { Shared } from './shared.ts'

const ROWS = 50
const LIVE_SECONDS = 1
const STORE_POLL_MS = 250
const MAX_STORE_MS = 2000
const PERIODS: [value: string, text: string, seconds: number][] = [
  ['15m', 'last 15 minutes', 900],
  ['1h', 'last hour', 3600],
  ['24h', 'last day', 86_400],
  ['7d', 'last 7 days', 604_800],
  ['', 'any time', 0],
]

/** The query of the page. `before` is the last call of the previous page. */
type Query = Record<'outcome' | 'since' | 'slower_than' | 'before', unknown>

export function addCallPages(app: App, { pool, config, send }: Shared) {
  app.get<{ Querystring: Query }>('/calls', async (request, reply) => {
    const query = textsOf(request.query)
    const page = pageOf(query)
    const rows = await readCalls(pool, filterOf(query), page)
    const list = callsTable(rows, noCalls(config.CALL_LOG_DAYS))
    const last = rows.at(-1)
    return send(request, reply, {
      title: 'Calls',
      path: 'calls',
      body: html`!${filterForm(query)}
        !${
          page.before
            ? html`<p><a href="calls?${new URLSearchParams({ ...query, before: '' })}">Newest calls</a></p>!${list}`
            : html`!${liveSwitch}!${live('calls', LIVE_SECONDS, list)}`
        }
        !${
          last && rows.length === ROWS
            ? html`<p><a href="calls?${new URLSearchParams({ ...query, before: positionOf(last) })}" rel="next">Older calls</a></p>`
            : ''
        }`,
    })
  })

  app.get<{ Querystring: { id?: unknown } }>('/call', async (request, reply) => {
    const { id } = request.query
    const call = typeof id === 'string' ? await findStoredCall(pool, id) : undefined
    if (!call)
      return send(request, reply.code(404), {
        title: 'Call',
        path: 'calls',
        body: message(
          'warn',
          html`<p>The call log does not have this call. <a href="calls">Show all calls</a></p>`,
        ),
      })
    const token = request.session!.token
    return send(request, reply, {
      title: 'Call',
      path: 'calls',
      body: html`!${callDetails(call)}!${
        call.external_id === null
          ? ''
          : postForm('account', token, { external_id: call.external_id }, 'Show this account now')
      }`,
    })
  })
}

/** A call that has just ended is not stored yet: calls are stored in batches. */
async function findStoredCall(pool: pg.Pool, id: string) {
  for (let waitedMs = 0; ; waitedMs += STORE_POLL_MS) {
    const call = await findCall(pool, id)
    if (call || waitedMs >= MAX_STORE_MS) return call
    await pause(STORE_POLL_MS)
  }
}

/** Works with JavaScript only, so that console.js shows it. */
const liveSwitch = html`<p class="live-switch" hidden><label><input type="checkbox" id="live-switch" checked> Show new calls as they arrive</label></p>`

const noCalls = (days: number) =>
  days === 0
    ? html`CALL_LOG_DAYS is 0: calls are not kept.`
    : html`No call matches. Ask Tratta to call with !${code('tratta-jit trigger ID')}, or on the page <a href="account">Account</a>.`

export const callsTable = (rows: CallRow[], empty: Html): Html =>
  table(
    ['Time', 'Outcome', 'Account', 'Duration', 'Current balance', 'Children', 'Omitted', ''],
    rows.map((row) => [
      time(row.time),
      outcomeBadge(row.outcome),
      html`<span class="id">${row.external_id ?? ''}</span>`,
      html`${milliseconds(row.ms)}`,
      html`${dollars(row.current_balance)}`,
      html`${row.children || ''}`,
      row.omitted.length > 0 ? badge('warn', String(row.omitted.length)) : '',
      html`<a href="call?id=${encodeURIComponent(row.request_id)}">Show<span class="hidden"> call of ${row.external_id}</span></a>`,
    ]),
    empty,
  )

const filterForm = (
  query: Record<string, string>,
): Html => html`<form method="get" action="calls" class="filter">
  !${select('outcome', 'Outcome', [['', 'all'], ...outcomes()], query.outcome ?? '')}
  !${select(
    'since',
    'Time',
    PERIODS.map(([value, text]) => [value, text]),
    query.since ?? '',
  )}
  <label>Slower than <small>ms</small>
    <input name="slower_than" type="number" min="0" step="1" value="${query.slower_than ?? ''}"></label>
  <button>Filter</button>
</form>`

const outcomes = () =>
  CALL_OUTCOMES.filter((outcome) => outcome !== 'wrong_secret').map((outcome): [string, string] => [
    outcome,
    outcome,
  ])

function textsOf(query: Query): Record<string, string> {
  const texts = Object.entries(query).filter(([, value]) => typeof value === 'string' && value !== '')
  return Object.fromEntries(texts) as Record<string, string>
}

function filterOf({ outcome, since, slower_than }: Record<string, string>): CallFilter {
  const seconds = PERIODS.find(([value]) => value === since)?.[2]
  const slowerThanMs = Number(slower_than)
  return {
    ...(outcome && { outcome }),
    ...(seconds && { since: new Date(Date.now() - seconds * 1000) }),
    ...(slowerThanMs >= 0 && slower_than !== undefined && { slowerThanMs }),
  }
}

const positionOf = ({ time, request_id }: CallRow) => `${time.toISOString()}_${request_id}`

function pageOf({ before = '' }: Record<string, string>): CallPage {
  const [, at = '', request_id = ''] = /^([\d:.TZ-]{24})_(.+)$/.exec(before) ?? []
  const time = new Date(at)
  return { limit: ROWS, before: Number.isNaN(time.getTime()) ? undefined : { time, request_id } }
}

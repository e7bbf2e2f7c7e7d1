/** Uploads of made-up rows, and the errors that Tratta lists for them. */
import { setTimeout as pause } from 'node:timers/promises'
import { fetchErrors, isPending, rowsIn } from '../bulk/fetch-errors.ts'
import { parseErrorRow, type RowErrors } from '../bulk/parse-errors.ts'
import { readAnswer } from '../bulk/read-answer.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { answerText, type Exchange, isAccepted } from './exchanges.ts'
import { type ProbeContext, shared } from './experiment.ts'
import type { MadeUpRow } from './made-up-data.ts'
import { UndecidedError } from './undecided-error.ts'

const ROWS = 60
const POLL_MS = 300
const MAX_POLL_MS = 3000
const READY_MS = 120_000
/** Statuses that can mean that the errors are not ready. */
const NOT_READY = [202, 404, 409, 423, 425]

/** Accounts whose ids differ from another only in one respect. */
interface SpecialIds {
  respect: string
  first: string
  second: string
}

interface Upload {
  rows: MadeUpRow[]
  exchange: Exchange
  bulkId: string | undefined
}

interface ReadErrors {
  /** The first reading with errors. */
  first: Exchange
  /** The elements of its list, unchanged. */
  raw: unknown[]
  /** What the program understands of all pages; of the first page if it cannot read all. */
  rows: RowErrors[]
  /** Why the program cannot read all pages. */
  problem: string | undefined
  /** Statuses before the errors were ready, such as `404` and `200 with an empty list`. */
  before: string[]
  /** Whether Tratta reported by a status that they are not ready. */
  isMarked: boolean
  /** From the answer of the upload. */
  readyMs: number
}

export async function upload({ tratta }: ProbeContext, rows: MadeUpRow[]): Promise<Upload> {
  const exchange = await tratta.bulk(rows)
  return { rows, exchange, bulkId: bulkIdOf(exchange) }
}

function bulkIdOf(exchange: Exchange): string | undefined {
  if (!isAccepted(exchange)) return undefined
  const answer = readAnswer({ status: exchange.status!, body: exchange.body, linkHeader: null })
  return answer.kind === 'accepted' ? answer.bulkId : undefined
}

/**
 * Reads the errors until they are complete. One row of the upload must have an error: without it, an empty list
 * could also mean that the errors are not ready.
 * @param expected the number of rows with errors, if it is known
 * @throws {UndecidedError}
 */
export async function readErrors(
  context: ProbeContext,
  { exchange, bulkId }: Upload,
  expected = 1,
): Promise<ReadErrors> {
  const { tratta, signal } = context
  if (!isAccepted(exchange))
    throw new UndecidedError(`Tratta did not accept the upload: ${answerText(exchange)}`)
  if (bulkId === undefined)
    throw new UndecidedError('the errors cannot be read, because the upload has no bulk_id')
  const start = performance.now()
  const before = new Set<string>()
  let isMarked = false
  let last = -1
  for (let pollMs = POLL_MS; ; pollMs = Math.min(MAX_POLL_MS, pollMs * 1.3)) {
    const first = await tratta.errors(bulkId)
    const readyMs = Math.round(performance.now() - start)
    const report = notReadyReport(first)
    const raw = rowsIn(first.body)
    if (report !== undefined) {
      isMarked = true
      before.add(report)
    } else if (first.error) throw new UndecidedError(answerText(first))
    else if (!raw)
      return { first, raw: [], rows: [], problem: 'the answer has no list', before: [], isMarked, readyMs }
    else if (raw.length === 0) before.add(`${first.status} with an empty list`)
    else {
      const all = await readAll(context, bulkId)
      const { problem } = all
      const rows = problem === undefined ? all.rows : raw.map(parseErrorRow)
      if (problem || rows.length >= expected || rows.length === last)
        return { first, raw, rows, problem, before: [...before], isMarked, readyMs }
      last = rows.length
    }
    if (readyMs > READY_MS) throw new UndecidedError(`no errors within ${READY_MS / 1000} s`)
    await pause(pollMs, undefined, { signal })
  }
}

async function readAll({ tratta, signal }: ProbeContext, bulkId: string) {
  try {
    const result = await fetchErrors(tratta.client, bulkId, { signal })
    return result.kind === 'errors'
      ? { rows: result.rows, problem: undefined }
      : { rows: [], problem: result.message }
  } catch (error) {
    if (!(error instanceof UserFacingError)) throw error
    return { rows: [], problem: error.problem.replace(/^GET \S+: /, '') }
  }
}

/** New customers. Their accounts have ids in several forms. */
export const firstUpload = shared(async (context) => {
  const { data } = context
  const digits = data.digits(19)
  const special: SpecialIds[] = [
    { respect: 'case', first: data.id('aB-'), second: '' },
    { respect: 'trailing blanks', first: `${data.id('blank-')} `, second: '' },
    { respect: 'Unicode composition', first: `${data.id('A-')}é`, second: '' },
    { respect: 'leading zeros', first: `00${digits.slice(0, 9)}`, second: digits.slice(0, 9) },
    { respect: 'digits after the 19th', first: `${digits}1`, second: `${digits}2` },
  ]
  const [upper, blank, composed] = special as [SpecialIds, SpecialIds, SpecialIds]
  upper.second = upper.first.replace('aB-', 'AB-')
  blank.second = blank.first.trimEnd()
  composed.second = composed.first.normalize('NFD')
  const rows = [
    ...special.map(({ first }) => data.row(first)),
    ...Array.from({ length: ROWS - special.length }, () => data.row()),
  ]
  // An id that a program can read as a number.
  rows.push(data.row(data.digits(9)))
  return { special, ...(await upload(context, rows)) }
})

/** The same rows again: each has an error, because Tratta has the account. */
export const secondUpload = shared(async (context) => {
  const first = await firstUpload(context)
  if (!isAccepted(first.exchange))
    throw new UndecidedError(`Tratta did not accept the upload: ${answerText(first.exchange)}`)
  // Tratta processes uploads asynchronously, perhaps not in order.
  const notReady = first.bulkId === undefined ? [] : await settle(context, first.bulkId)
  const again = await upload(context, first.rows)
  const errors = await readErrors(context, again, first.rows.length)
  return {
    rows: first.rows,
    errors: {
      ...errors,
      isMarked: errors.isMarked || notReady.length > 0,
      before: [...new Set([...notReady, ...errors.before])],
    },
  }
})

/**
 * Waits while Tratta reports that an upload without errors is not processed, for some seconds.
 * @returns how it reported that
 */
async function settle({ tratta, signal }: ProbeContext, bulkId: string): Promise<string[]> {
  const notReady: string[] = []
  const until = performance.now() + SETTLE_MS
  for (let ready = 0; ready < 2 && performance.now() < until; ) {
    const exchange = await tratta.errors(bulkId)
    const report = notReadyReport(exchange)
    ready = exchange.status === 200 && report === undefined ? ready + 1 : 0
    if (report !== undefined) notReady.push(report)
    await pause(POLL_MS, undefined, { signal })
  }
  return notReady
}

/** How Tratta reports that errors are not ready. */
const notReadyReport = ({ status, body }: Exchange): string | undefined =>
  isPending(body) ? `${status} with a status` : NOT_READY.includes(status ?? 0) ? String(status) : undefined

const SETTLE_MS = 10_000

/** A row that certainly has an error: its account is in the first upload. */
export async function rowWithError(context: ProbeContext): Promise<MadeUpRow> {
  const { rows } = await firstUpload(context)
  await secondUpload(context)
  return rows.at(-2)!
}

/** Rows that break the rules: a customer without a name, an account without a balance. */
export const invalidUpload = shared(async (context) => {
  const { data } = context
  const withoutName = data.row()
  delete withoutName.customer.name
  const withoutBalance = data.row()
  delete withoutBalance.debt_accounts[0]!.balance
  return upload(context, [data.row(), withoutName, withoutBalance, data.row()])
})

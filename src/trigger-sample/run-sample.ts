/** Triggers a call for each account of a sample, below the rate limit, and stores each result. */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { createMessageReader } from '../bulk/error-messages.ts'
import { describeError } from '../log.ts'
import type { AccountLookup } from '../payload/look-up-account.ts'
import type { TrattaClient } from '../tratta/client.ts'
import { compareResources } from '../tratta/compare-resources.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { readTriggerAnswer, readTriggerError, type TriggerOutcome } from '../tratta/trigger-outcome.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { type SampleOutcome, type SampleRow, storeOutcome } from './sample-store.ts'

/** Tratta waits for our answer during a trigger. */
const IN_FLIGHT = 8
/** After a stop, triggers in flight have this time to complete. The results of others stay unknown. */
const STOP_MS = 3000
/** Answers in a row that say nothing about an account: Tratta is unavailable. */
const MAX_NO_ANSWERS = 20

interface SampleRun {
  pool: pg.Pool
  client: TrattaClient
  apiUrl: string
  lookUp(externalId: string): Promise<AccountLookup>
  /** Whether Tratta has our URL. */
  isRegistered(): Promise<boolean>
  /** Stops the run. */
  signal: AbortSignal
  onOutcome(row: SampleRow, outcome: SampleOutcome): Promise<void>
}

/**
 * @param rows without a result
 * @throws {TrattaError} when no trigger can succeed: the token, the connection, the rate limit
 * @throws {UserFacingError} when Tratta gives no answer
 */
export async function runSample(rows: SampleRow[], run: SampleRun): Promise<void> {
  const queue = rows.values()
  const aborting = new AbortController()
  const failing = new AbortController()
  const stopped = AbortSignal.any([run.signal, failing.signal])
  let noAnswers = 0

  async function work() {
    for (const row of queue) {
      if (stopped.aborted) return
      const outcome = await triggerOne(row.external_id, run, stopped, aborting.signal)
      if (!outcome) return
      noAnswers = outcome.result === 'no_answer' ? noAnswers + 1 : 0
      await storeOutcome(run.pool, run.apiUrl, row.external_id, outcome)
      await run.onOutcome(row, outcome)
      if (noAnswers >= MAX_NO_ANSWERS)
        throw new UserFacingError(`Tratta gave no answer for ${MAX_NO_ANSWERS} accounts in a row`)
    }
  }
  const workers = Array.from({ length: IN_FLIGHT }, () =>
    work().catch((error) => {
      failing.abort()
      throw error
    }),
  )
  const onStop = () => void pause(STOP_MS, undefined, { ref: false }).then(() => aborting.abort())
  if (stopped.aborted) onStop()
  else stopped.addEventListener('abort', onStop, { once: true })
  const results = await Promise.allSettled(workers)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** @returns undefined if the run was stopped before an answer */
async function triggerOne(
  externalId: string,
  { client, lookUp, isRegistered }: SampleRun,
  stopped: AbortSignal,
  abort: AbortSignal,
): Promise<SampleOutcome | undefined> {
  const start = performance.now()
  const ours = await lookUp(externalId)
  const ourMs = performance.now() - start
  let sent = performance.now()
  const answer = client.trigger(externalId, {
    signal: abort,
    async onTurn() {
      stopped.throwIfAborted()
      sent = performance.now()
    },
  })
  const measured = () => ({ our_ms: ourMs, tratta_ms: performance.now() - sent })
  try {
    const { body } = await answer
    return { ...measured(), ...outcomeOf(readTriggerAnswer(body), body, ours) }
  } catch (error) {
    if (stopped.aborted && !(error instanceof TrattaError)) return undefined
    if (!(error instanceof TrattaError)) throw error
    const outcome = readTriggerError(error)
    if ('error' in outcome && (concernsAll(error) || !(await isRegistered()))) throw error
    return { ...measured(), ...outcomeOf(outcome, error.body, ours, error) }
  }
}

/** Whether the error says nothing about one account. */
const concernsAll = ({ delivery, status = 0 }: TrattaError) =>
  delivery === 'not_accepted' || status === 401 || status === 403 || (status >= 300 && status < 400)

function outcomeOf(
  outcome: TriggerOutcome,
  body: unknown,
  ours: AccountLookup,
  error?: TrattaError,
): Pick<SampleOutcome, 'result' | 'reasons' | 'request_id' | 'differs' | 'not_returned'> {
  const nothing = { reasons: [], request_id: null, differs: [], not_returned: [] }
  if (outcome.accepted) {
    if (!('payload' in ours)) return { ...nothing, result: 'accepted' }
    const { differs, notReturned } = compareResources(ours.payload, outcome.tratta)
    return { ...nothing, result: 'accepted', differs, not_returned: notReturned }
  }
  if ('ours' in outcome) {
    const reason = 'problem' in ours ? `${outcome.ours.code}: ${ours.problem}` : outcome.ours.code
    return { ...nothing, result: 'our_error', reasons: [reason], request_id: outcome.ours.request_id }
  }
  const readMessages = createMessageReader('payload' in ours ? ours.payload.data : undefined, body)
  if ('validation' in outcome) {
    const found = outcome.validation.flatMap(({ field, messages }) => readMessages(field, messages))
    const reasons = found.map(({ field, message }) =>
      withoutIndexes(field === '*' ? message : `${field}: ${message}`),
    )
    return { ...nothing, result: 'rejected', reasons: [...new Set(reasons)] }
  }
  // Tratta answered without our error in its answer.
  if ('problem' in ours && error?.status !== undefined)
    return { ...nothing, result: 'our_error', reasons: [ours.problem] }
  const [message] = readMessages('', outcome.error)
  return {
    ...nothing,
    result: error?.delivery === 'rejected' ? 'rejected' : 'no_answer',
    reasons: [message?.message ?? describeError(error).type],
  }
}

/** `child_debt_accounts.2.balance` becomes `child_debt_accounts.*.balance`, so that equal errors are one group. */
const withoutIndexes = (reason: string) => reason.replace(/\b([a-z_]+)\.\d+(?=\.|\b)/g, '$1.*')

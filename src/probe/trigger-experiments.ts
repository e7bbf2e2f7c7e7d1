/** How Tratta answers a trigger, by what the JIT answer is. */
import { setTimeout as pause } from 'node:timers/promises'
import { isObject } from '../json.ts'
import { validationMessages } from '../tratta/error-body.ts'
import { answerText, type Exchange, isAccepted } from './exchanges.ts'
import { asAssumed, differs, type Experiment, type ProbeContext, unsupported } from './experiment.ts'
import type { Answer } from './listener.ts'
import { reachable } from './registration-experiments.ts'
import { UndecidedError } from './undecided-error.ts'

const RELAYED = [404, 500, 503]
const TIMEOUT_MS = 10_000
/** Less than the timeout of the client. */
const MAX_TIMEOUT_MS = 14_000
const TOLERANCE_MS = 1000

/** Triggers a call, and answers it. */
async function triggered(context: ProbeContext, id: string, answer: Answer): Promise<Exchange> {
  await reachable(context)
  const listener = await context.listener()
  listener.answer(answer)
  listener.take()
  const exchange = await context.tratta.trigger(id)
  if (listener.take().length === 0 && exchange.status !== 504)
    throw new UndecidedError(`Tratta did not call us: ${answerText(exchange)}`)
  return exchange
}

/** A valid answer for a new account, with more fields. */
function validAnswer({ data }: ProbeContext, more: { customer?: object; debt_account?: object } = {}) {
  const { customer, debt_accounts } = data.row()
  const account = debt_accounts[0]!
  const id = account.external_id
  const payload = {
    customer: { ...customer, ...more.customer },
    debt_account: { ...account, ...more.debt_account },
  }
  return { id, answer: { status: 200, body: { data: payload } } }
}

export const triggerAnswer: Experiment = {
  name: 'trigger_answer',
  assumed: 'a trigger returns the resources with uuid and our field names',
  async run(context) {
    const more = { customer: { date_of_birth: '1990-01-01', metadata: { probe: '1' } } }
    const { id, answer } = validAnswer(context, more)
    const exchange = await triggered(context, id, answer)
    if (!isAccepted(exchange)) throw new UndecidedError(answerText(exchange))
    const data = isObject(exchange.body) && isObject(exchange.body.data) ? exchange.body.data : {}
    const { debt_account: account, customer } = data
    if (isObject(account) && account.uuid !== undefined && account.external_id === id)
      return asAssumed('uuid', `${exchange.status} with uuid and external_id`)
    const names = [account, customer].flatMap((one) => (isObject(one) ? Object.keys(one) : []))
    return differs(
      'other',
      `${exchange.status} with the fields ${[...new Set(names)].slice(0, 12).join(', ') || 'of no resource'}`,
      'nothing: `trigger` prints the resources as Tratta returns them',
    )
  },
}

export const relayedErrors: Experiment = {
  name: 'relayed_errors',
  assumed: 'a trigger returns the status and body of our error',
  async run(context) {
    const found: string[] = []
    let isRelayed = true
    for (const status of RELAYED) {
      const body = { code: `probe_${status}`, request_id: 'probe' }
      const exchange = await triggered(context, context.data.id('A'), { status, body })
      isRelayed &&= exchange.status === status && isObject(exchange.body) && exchange.body.code === body.code
      found.push(`${status} becomes ${exchange.status ?? 'no answer'}`)
    }
    return isRelayed
      ? asAssumed('relayed', `${RELAYED.join(', ')} unchanged`)
      : differs(
          'wrapped',
          found.join(', '),
          "`trigger` prints Tratta's answer instead of our error: see the log for ours",
        )
  },
}

export const triggerErrors: Experiment = {
  name: 'trigger_errors',
  assumed: 'a trigger returns 422 with messages by field for an invalid answer',
  async run(context) {
    const { id, answer } = validAnswer(context, { debt_account: { balance: 'none' } })
    const exchange = await triggered(context, id, answer)
    if (isAccepted(exchange))
      return unsupported(
        'accepted',
        `${exchange.status} for an invalid balance`,
        'invalid data is not noticed',
      )
    const fields = validationMessages(exchange.body).map(({ field }) => field)
    return fields.length > 0 && exchange.status === 422
      ? asAssumed('fields', `422 with ${fields.join(', ')}`)
      : differs('message', answerText(exchange), '`trigger` prints the message instead of fields')
  },
}

export const callTimeout: Experiment = {
  name: 'call_timeout',
  assumed: `Tratta waits ${TIMEOUT_MS / 1000} s for our answer`,
  async run(context) {
    await reachable(context)
    const listener = await context.listener()
    const { id, answer } = validAnswer(context)
    listener.answer({ ...answer, afterMs: MAX_TIMEOUT_MS })
    listener.take()
    await context.tratta.trigger(id)
    const [call] = listener.take()
    if (!call) throw new UndecidedError('Tratta did not call us')
    // The connection can close after the answer of the trigger.
    for (let waited = 0; call.ms === undefined && waited < 20; waited++)
      await pause(50, undefined, { signal: context.signal })
    const ms = call.ms ?? MAX_TIMEOUT_MS
    const found = ms >= MAX_TIMEOUT_MS ? `more than ${ms / 1000} s` : `${(ms / 1000).toFixed(1)} s`
    if (ms >= MAX_TIMEOUT_MS) return differs('longer', found, 'nothing: our answer is earlier')
    if (ms >= TIMEOUT_MS - TOLERANCE_MS) return asAssumed(String(TIMEOUT_MS), found)
    const value = String(Math.floor(ms / 500) * 500)
    return context.config.JIT_DEADLINE_MS < ms - TOLERANCE_MS / 2
      ? differs(value, found, 'nothing: JIT_DEADLINE_MS is shorter')
      : unsupported(
          value,
          found,
          `answers can be too late: set JIT_DEADLINE_MS to less than ${Math.floor(ms - TOLERANCE_MS / 2)}`,
        )
  },
}

export const ssnLast4: Experiment = {
  name: 'ssn_last4',
  assumed: 'ssn_last4 can be a number, and a text',
  async run(context) {
    const isTaken = async (ssn_last4: unknown) => {
      const { id, answer } = validAnswer(context, { customer: { ssn_last4 } })
      const exchange = await triggered(context, id, answer)
      if (isAccepted(exchange)) return true
      if (exchange.status === 422 || exchange.status === 400) return false
      throw new UndecidedError(answerText(exchange))
    }
    const number = await isTaken(4321)
    const text = await isTaken('0042')
    if (number && text) return asAssumed('any', 'a number and a text are accepted')
    if (text) return differs('text', 'a number is rejected', 'ssn_last4 is always sent as a text')
    if (number) return differs('number', 'a text is rejected', 'ssn_last4 with a leading zero is omitted')
    throw new UndecidedError('a number and a text are rejected')
  },
}

export const unknownParents: Experiment = {
  name: 'unknown_parents',
  assumed: 'a child whose parent Tratta does not have is rejected',
  async run(context) {
    const parent_external_id = context.data.id('A')
    const { id, answer } = validAnswer(context, { debt_account: { parent_external_id } })
    const exchange = await triggered(context, id, answer)
    if (isAccepted(exchange))
      return differs(
        'accepted',
        'it is accepted',
        'nothing: parents are still uploaded before their children are called',
      )
    if (exchange.status !== 422 && exchange.status !== 400) throw new UndecidedError(answerText(exchange))
    return asAssumed('rejected', `${exchange.status}: create parents first`)
  },
}

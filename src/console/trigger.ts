/** Asks Tratta to call for an account, and shows what was answered beside what Tratta holds. */
import { html } from 'ghtml'
import type pg from 'pg'
import { createMessageReader } from '../bulk/error-messages.ts'
import { isObject } from '../json.ts'
import type { AccountLookup } from '../payload/look-up-account.ts'
import { type Comparison, compareResources } from '../tratta/compare-resources.ts'
import { maskedUrl, type RegistrationConfig, trattaClient, urlDigest } from '../tratta/jit-url.ts'
import { storeProof } from '../tratta/registration-store.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import {
  isProof,
  readTriggerAnswer,
  readTriggerError,
  type TriggerOutcome,
} from '../tratta/trigger-outcome.ts'
import { code, type Html, message, table } from './html.ts'
import { payloadFields, sideBySide } from './payload-fields.ts'

interface Triggered {
  /** For the record of reads, without values of the account. */
  result: string
  content: Html
}

/** @param lookUp reads the account as the call of Tratta does */
export async function triggerAccount(
  config: RegistrationConfig,
  pool: pg.Pool,
  externalId: string,
  lookUp: () => Promise<AccountLookup>,
): Promise<Triggered> {
  const ours = await lookUp()
  const outcome = await trattaClient(config)
    .trigger(externalId)
    .then(({ body }) => readTriggerAnswer(body), unlessTrattaError)
  if (isProof(outcome)) await storeProof(pool, config.TRATTA_API_URL, urlDigest(config)).catch(() => {})
  const { result, content } = describe(outcome, ours)
  return {
    result,
    content: html`<h2>Tratta’s call</h2>
      <p>Tratta requested !${code(`GET ${maskedUrl(config)}?debt_account_external_id=…`)}.</p>!${content}`,
  }
}

function unlessTrattaError(error: unknown): TriggerOutcome {
  if (!(error instanceof TrattaError)) throw error
  return readTriggerError(error)
}

/** Names of fields: the table hides personal values, and with them their differences. */
const differences = ({ differs, notReturned }: Comparison): Html =>
  html`!${differs.length > 0 ? message('bad', html`Tratta holds other values in ${differs.join(', ')}.`) : ''}!${
    notReturned.length > 0 ? html`<p>Tratta did not return ${notReturned.join(', ')}.</p>` : ''
  }`

/** Tratta's errors can quote the values that they reject. */
function describe(outcome: TriggerOutcome, ours: AccountLookup): Triggered {
  const data = 'payload' in ours ? ours.payload.data : undefined
  if (outcome.accepted) {
    const { tratta } = outcome
    const held = isObject(tratta) && isObject(tratta.data) ? tratta.data : tratta
    return {
      result: 'accepted',
      content: html`!${message('good', html`Tratta accepted the answer.`)}!${'payload' in ours ? differences(compareResources(ours.payload, tratta)) : ''}
        !${sideBySide(payloadFields(data, false), payloadFields(held, false))}`,
    }
  }
  if ('ours' in outcome) {
    const { status, code: problem, request_id } = outcome.ours
    return {
      result: `${problem}, request_id ${request_id}`,
      content: message(
        'bad',
        html`This service answered with an error, and Tratta relays it: ${status} !${code(problem)}.
          <a href="call?id=${encodeURIComponent(request_id)}">Show the call</a>`,
      ),
    }
  }
  const read = createMessageReader(data)
  if ('error' in outcome) {
    const [first] = read('', outcome.error)
    return { result: 'failed', content: message('bad', html`${first?.message}`) }
  }
  const errors = outcome.validation.flatMap(({ field, messages }) => read(field, messages))
  return {
    result: `rejected: ${errors.map(({ field }) => field).join(', ')}`,
    content: html`!${message('bad', html`Tratta rejected the answer.`)}!${table(
      ['Field', 'Message of Tratta'],
      errors.map((one) => [code(one.field), html`${one.message}`]),
      '',
    )}`,
  }
}

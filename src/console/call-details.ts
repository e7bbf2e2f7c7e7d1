/** One call: where its time went, what was sent, what was omitted and why. */
import type { TSchema } from '@sinclair/typebox'
import { html } from 'ghtml'
import type { CallRow } from '../calls/read-calls.ts'
import { JitPayload } from '../contract.ts'
import { sqlStateMeaning } from '../log.ts'
import { durationBar } from './charts.ts'
import { code, dollars, facts, type Html, milliseconds, outcomeBadge, table, time } from './html.ts'

export function callDetails(call: CallRow): Html {
  const { omitted, error } = call
  return html`!${facts([
    ['Outcome', outcomeBadge(call.outcome)],
    ['Account', html`${call.external_id ?? 'none: the parameter is not valid'}`],
    ['Received', time(call.time)],
    ['Status', html`${call.status ?? 'none: the client disconnected'}`],
    ['Balance', call.balance === null ? undefined : html`${dollars(call.balance)}`],
    ['Current balance', call.current_balance === null ? undefined : html`${dollars(call.current_balance)}`],
    ['Children', call.children === null ? undefined : html`${call.children}`],
    [
      'Error',
      error === null
        ? undefined
        : html`!${code(error)} ${/^[0-9A-Z]{5}$/.test(error) ? sqlStateMeaning(error) : ''}`,
    ],
    ['Client', html`${call.client}`],
    ['Replica', html`${call.replica}`],
    ['Request id', code(call.request_id)],
    ['SHA-256 of the answer', call.body_sha256 === null ? undefined : code(call.body_sha256)],
  ])}
  <h2>Time line</h2>!${timeLine(call)}
  <h2>Omitted fields</h2>!${table(
    ['Field', 'Reason'],
    omitted.map((field) => [code(field), html`${ruleOf(field)}`]),
    html`Nothing was omitted.`,
  )}`
}

function timeLine({ ms, connection_ms, database_ms }: CallRow): Html {
  const connection = connection_ms ?? 0
  const query = Math.max(0, (database_ms ?? 0) - connection)
  const rest = Math.max(0, ms - connection - query)
  const parts: [tone: string, name: string, ms: number][] = [
    ['wait', 'Wait for a connection to Postgres', connection],
    ['query', 'Lookup in Postgres', query],
    ['rest', 'Read the request, build, check and send the answer', rest],
  ]
  return html`!${durationBar(parts.map(([tone, , part]) => [tone, part]))}!${table(
    ['Part', 'Duration'],
    [
      ...parts.map(([tone, name, part]) => [
        html`<span class="key ${tone}"></span> ${name}`,
        html`${milliseconds(part)}`,
      ]),
      [
        html`<strong>From the arrival to the end of the answer</strong>`,
        html`<strong>${milliseconds(ms)}</strong>`,
      ],
    ],
    '',
  )}`
}

/** @param kind Tratta's name of a field, such as `customer.email` or `child_debt_accounts[*].metadata.*` */
function ruleOf(kind: string): string {
  if (kind === 'child_debt_accounts[*]') return 'The account belongs to another customer.'
  let schema: TSchema | undefined = JitPayload.properties.data
  for (const part of kind.split('.')) {
    const name = part.replace('[*]', '')
    schema = schema?.properties?.[name] ?? Object.values(schema?.patternProperties ?? {})[0]
    if (part.endsWith('[*]')) schema = schema?.items
  }
  return schema?.description
    ? `Tratta would reject it: it must be ${schema.description}.`
    : 'Tratta would reject it.'
}

/** A payload as rows of a table, with personal values masked. */
import { html } from 'ghtml'
import { isObject } from '../json.ts'
import { code, dollars, type Html } from './html.ts'

/** By the last name of the path. Everything else is personal, or can be. */
const SHOWN = new Set([
  'external_id',
  'parent_external_id',
  'balance',
  'current_balance',
  'amount',
  'frequency',
  'recurring_day',
  'billing_type',
  'type',
  'is_primary',
  'uuid',
  'created_at',
  'updated_at',
])
const AMOUNTS = new Set(['balance', 'current_balance', 'amount'])
/** Inside these every value and every name comes from the data. */
const FREE = new Set(['metadata', 'additional_fields'])

interface Field {
  /** `customer.address.city`; masked below metadata. */
  path: string
  value: Html
}

const MASK = html`<span class="mask">hidden</span>`

/** The order of the resources. */
const RESOURCES = ['debt_account', 'child_debt_accounts', 'customer', 'location']

/** One field for each value below `data`. */
export function payloadFields(data: unknown, isRevealed: boolean): Field[] {
  const fields: Field[] = []
  if (!isObject(data)) return fields
  const first = Object.fromEntries(RESOURCES.map((name) => [name, data[name]]))
  visit({ ...first, ...data }, '', '', isRevealed, fields)
  return fields
}

function visit(value: unknown, path: string, name: string, isRevealed: boolean, fields: Field[]) {
  if (value === null || value === undefined) return
  if (FREE.has(name) && isObject(value) && !isRevealed) {
    fields.push({ path, value: html`!${MASK} ${Object.keys(value).length} values` })
    return
  }
  if (Array.isArray(value))
    for (const [index, item] of value.entries()) visit(item, `${path}[${index}]`, name, isRevealed, fields)
  else if (isObject(value))
    for (const [key, item] of Object.entries(value))
      visit(item, path === '' ? key : `${path}.${key}`, key, isRevealed, fields)
  else fields.push({ path, value: isRevealed || SHOWN.has(name) ? shown(name, value) : MASK })
}

const shown = (name: string, value: unknown): Html =>
  AMOUNTS.has(name) && typeof value === 'number' ? html`${dollars(value)}` : html`${String(value)}`

/** The fields of both sides in one table. A difference is marked. */
export function sideBySide(ours: Field[], theirs: Field[]): Html {
  const values = (fields: Field[]) => new Map(fields.map(({ path, value }) => [path, value]))
  const [sent, held] = [values(ours), values(theirs)]
  const rows = [...new Set([...sent.keys(), ...held.keys()])].map((path) => {
    const [one, other] = [sent.get(path), held.get(path)]
    const differs = one !== undefined && other !== undefined && one !== other
    return html`<tr !${differs ? 'class="differs"' : ''}><th scope="row">!${code(path)}</th>
      <td>!${one ?? ''}</td><td>!${other ?? ''}!${differs ? html` <small>differs</small>` : ''}</td></tr>`
  })
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Answer and result"><table>
    <thead><tr><th scope="col">Field</th><th scope="col">We answered</th><th scope="col">Tratta holds</th></tr></thead>
    <tbody>!${rows}</tbody></table></div>`
}

/** How Tratta compares ids and names rows, and how it paginates. */
import { matchErrors, normalizeId } from '../bulk/match-errors.ts'
import { isObject } from '../json.ts'
import { asAssumed, differs, type Experiment, unsupported } from './experiment.ts'
import type { MadeUpRow } from './made-up-data.ts'
import { firstUpload, readErrors, rowWithError, secondUpload, upload } from './uploads.ts'

export const idComparison: Experiment = {
  name: 'id_comparison',
  assumed: 'ids are compared byte by byte',
  async run(context) {
    const { data } = context
    const { special } = await firstUpload(context)
    const control = await rowWithError(context)
    const rows = special.map(({ second }) => data.row(second))
    const { rows: errors } = await readErrors(context, await upload(context, [...rows, control]))
    const sameCustomer = (id: string) =>
      errors.some(({ customer }) => normalizeId(customer) === normalizeId(id))
    const others = errors.length - 1
    if (others <= 0)
      return asAssumed('exact', `different: ${special.map(({ respect }) => respect).join(', ')}`)
    const same = special.filter((_, index) => sameCustomer(rows[index]!.customer.external_id))
    const found = `ignored: ${same.map(({ respect }) => respect).join(', ') || `${others} of ${special.length} differences`}`
    const effect = '`bulk push` does not send ids that Tratta treats as one; `check` reports them as an error'
    return same.some(({ respect }) => /zeros|digits/.test(respect))
      ? unsupported('folded', found, `${effect}, unless they differ by zeros or as numbers`)
      : differs('folded', found, effect)
  },
}

export const errorIds: Experiment = {
  name: 'error_ids',
  assumed: 'errors repeat the ids of a row as they were sent',
  async run(context) {
    const { rows, errors } = await secondUpload(context)
    const customers = new Set(rows.map(({ customer }) => customer.external_id))
    const accounts = new Set(rows.map(({ debt_accounts }) => debt_accounts[0]!.external_id))
    const echoed = errors.raw.map((row) => {
      const payload = isObject(row) && isObject(row.payload) ? row.payload : {}
      const account = Array.isArray(payload.debt_accounts) ? payload.debt_accounts[0] : undefined
      return [
        isObject(payload.customer) ? payload.customer.external_id : undefined,
        isObject(account) ? account.external_id : undefined,
      ]
    })
    const isExact = echoed.every(
      ([customer, account]) => customers.has(String(customer)) && accounts.has(String(account)),
    )
    const texts = echoed.flat().every((id) => typeof id === 'string')
    if (isExact && texts) return asAssumed('exact', 'exactly as sent')
    const { unmatched } = matchErrors(rows.map(toSentRow), errors.rows)
    const isNamed = echoed.some(([customer]) => customer !== undefined)
    const hasNumber = errors.rows.some(({ rowNumber }) => rowNumber && rowNumber.name !== 'id')
    const found = isNamed
      ? texts
        ? 'ids are changed, for example in case'
        : 'ids of digits are returned as numbers'
      : hasNumber
        ? 'rows have a number and no ids'
        : 'rows have neither ids nor a number'
    return unmatched.length === 0
      ? differs(
          isNamed ? 'changed' : 'row_number',
          found,
          isNamed
            ? 'nothing: ids are also compared without case and as text'
            : 'accounts of a row with several accounts are unknown',
        )
      : unsupported('absent', found, 'rejections match no row: the accounts of the request are unknown')
  },
}

const toSentRow = ({ customer, debt_accounts }: MadeUpRow, index: number) => ({
  customer_external_id: customer.external_id,
  location_external_id: '',
  row_number: index + 1,
  debt_accounts: debt_accounts.map(({ external_id }) => external_id),
  digests: debt_accounts.map(() => 0),
  digest: 0,
})

export const paging: Experiment = {
  name: 'paging',
  assumed: 'all errors of a request are in one answer',
  async run(context) {
    const { rows: sent, errors } = await secondUpload(context)
    const { first, raw, rows, problem } = errors
    if (problem !== undefined)
      return unsupported(
        'unreadable',
        problem,
        'nothing is believed about such a request: its accounts stay sent',
      )
    if (!first.hasNext && raw.length >= sent.length)
      return asAssumed('one_page', `${raw.length} rows in one answer`)
    if (rows.length < sent.length)
      return unsupported(
        'incomplete',
        `${rows.length} of ${sent.length} rows, and no next page`,
        'rejections are missing: their accounts are reported as accepted',
      )
    return differs(
      'pages',
      `pages of ${raw.length} rows, the next one by ${formOf(first.body)}`,
      'nothing: all pages are read',
    )
  },
}

function formOf(body: unknown): string {
  const { links, meta, next_page_url } = isObject(body) ? body : ({} as { [name: string]: unknown })
  if (isObject(links) && typeof links.next === 'string')
    return /\/page\/\d+$/.test(links.next) ? 'links.next with a path' : 'links.next'
  if (typeof next_page_url === 'string') return 'next_page_url'
  if (isObject(meta) && typeof meta.next_cursor === 'string') return 'meta.next_cursor'
  return isObject(meta) && meta.last_page !== undefined ? 'meta.last_page' : 'a Link header'
}

/**
 * An invented portfolio as CSV: 1.6 accounts per customer, a third of them children, which are before their parents.
 * In version N every balance ends in N.
 */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

export const HEADER =
  'external_id,parent_external_id,external_account_number,billing_type,balance,current_balance,metadata.placement,' +
  'customer_external_id,customer_name,customer_email,customer_phone,customer_date_of_birth,customer_ssn_last4,' +
  'customer_address.line1,customer_address.city,customer_address.state,customer_address.postal_code,' +
  'location_external_id,location_name'

/** Of eight accounts, five have customers of their own, and three are children of the fourth. */
function portfolioRow(row: number, version: number) {
  const place = row % 8
  const family = row - place
  const isChild = place < 3
  const customer = isChild || place === 3 ? family + 3 : row
  const digits = String(customer % 10_000).padStart(4, '0')
  const parent = isChild ? `A-${family + 3}` : ''
  const location = family % 100
  return [
    `A-${row},${parent},N-${row},payment-plan;one-time,${1000 + row}${version},${row}${version},2026-0${1 + (row % 9)}`,
    `C-${customer},Person ${customer},person.${customer}@example.com,(206) 555-${digits},19${40 + (customer % 60)}-0${1 + (customer % 9)}-1${customer % 10},${digits}`,
    `"${customer} Main St, Apt ${customer % 90}",Seattle,WA,98104,L-${location},Clinic ${location}`,
  ].join(',')
}

export async function writePortfolio(path: string, rows: number, version: number) {
  const file = createWriteStream(path, { highWaterMark: 1024 * 1024 })
  file.write(`${HEADER}\n`)
  for (let row = 0; row < rows; ) {
    const lines: string[] = []
    for (const end = Math.min(rows, row + 1000); row < end; row++) lines.push(portfolioRow(row, version))
    if (!file.write(`${lines.join('\n')}\n`)) await once(file, 'drain')
  }
  file.end()
  await finished(file)
}

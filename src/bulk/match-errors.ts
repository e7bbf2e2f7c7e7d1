/** Matches the rows of Tratta's errors to the rows that were sent: by exact id, by normalized id, by row number. */
import type { RowErrors } from './parse-errors.ts'

export interface SentRow {
  customer_external_id: string
  location_external_id: string
  row_number: number
  debt_accounts: string[]
  digests: number[]
  digest: number
}

export interface Matched {
  errors: RowErrors
  row: SentRow
}

/** As a database that ignores case, trailing blanks and Unicode composition compares ids. */
export const normalizeId = (id: string) => id.normalize('NFC').trim().toLowerCase()

const exact = (id: string) => id

export function matchErrors(
  rows: SentRow[],
  all: RowErrors[],
): { matched: Matched[]; unmatched: RowErrors[] } {
  const matchers = [exact, normalizeId].flatMap((normalize) => {
    const byCustomer = Map.groupBy(rows, (row) => normalize(row.customer_external_id))
    const byAccount = new Map(
      rows.flatMap((row) => row.debt_accounts.map((id) => [normalize(id), row] as const)),
    )
    const accountsOf = (errors: RowErrors) => [...errors.accounts, ...errors.byAccount.keys()].map(normalize)
    return [
      (errors: RowErrors) => chooseRow(byCustomer.get(normalize(errors.customer)) ?? [], errors, normalize),
      (errors: RowErrors) =>
        errors.customer === ''
          ? accountsOf(errors)
              .map((id) => byAccount.get(id))
              .find(Boolean)
          : undefined,
    ]
  })
  const found = all.map((errors) => matchers.map((match) => match(errors)).find(Boolean))
  const byNumber = rowNumbers(rows, all, found)
  const matched: Matched[] = []
  const unmatched: RowErrors[] = []
  for (const [index, errors] of all.entries()) {
    const isNameless = errors.customer === '' && errors.accounts.length === 0
    const row = found[index] ?? (isNameless ? byNumber(errors) : undefined)
    if (row) matched.push({ errors, row })
    else unmatched.push(errors)
  }
  return { matched, unmatched }
}

/** A customer has one row for each location. */
function chooseRow(
  rows: SentRow[],
  errors: RowErrors,
  normalize: (id: string) => string,
): SentRow | undefined {
  if (rows.length < 2) return rows[0]
  const named = new Set([...errors.accounts, ...errors.byAccount.keys()].map(normalize))
  return (
    rows.find(({ debt_accounts }) => debt_accounts.some((account) => named.has(normalize(account)))) ??
    rows.find(({ location_external_id }) => normalize(location_external_id) === normalize(errors.location))
  )
}

/**
 * A row number is used when no row that an id matched contradicts it. `id` may be a number of Tratta's own, so it
 * is used only when a row that an id matched confirms it.
 */
function rowNumbers(rows: SentRow[], all: RowErrors[], found: (SentRow | undefined)[]) {
  const byNumber = new Map(rows.map((row) => [row.row_number, row]))
  const hasZero = all.some(({ rowNumber }) => rowNumber?.value === 0)
  const offsetOf = (errors: RowErrors) => (errors.rowNumber?.name === 'index' || hasZero ? 1 : 0)
  let confirmed = 0
  let contradicted = 0
  for (const [index, errors] of all.entries()) {
    const row = found[index]
    if (!row || !errors.rowNumber) continue
    if (errors.rowNumber.value + offsetOf(errors) === row.row_number) confirmed += 1
    else contradicted += 1
  }
  return (errors: RowErrors): SentRow | undefined => {
    const { rowNumber } = errors
    if (!rowNumber || contradicted > 0 || (rowNumber.name === 'id' && confirmed === 0)) return undefined
    return byNumber.get(rowNumber.value + offsetOf(errors))
  }
}

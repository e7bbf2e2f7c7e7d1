/** What happened to the accounts of the tables that are not in the files, for a person and as JSON. */
import { formatNumber } from '../../terminal/format.ts'
import type { Absent } from '../stage/absent.ts'

const MAX_IDS = 20

export function absentEvent({ action, accounts, closed, total, parents, isRefused }: Absent) {
  return {
    action,
    accounts: accounts.count,
    of: total,
    already_closed: closed,
    ...(action !== 'none' && { external_ids: accounts.external_ids }),
    ...(action === 'zero' && { parents: parents.count, parent_external_ids: parents.external_ids }),
    ...(isRefused && { refused: true }),
  }
}

/** @param note why absent accounts do not change */
export function absentLines(absent: Absent, isLoaded: boolean, note: string): string[] {
  const { action, accounts, closed, parents, isRefused } = absent
  const lines: string[] = []
  if (accounts.count > 0) {
    lines.push(`${counted(accounts.count)} absent from the input${effectOf(absent, isLoaded, note)}`)
    lines.push(...idLines(accounts))
  }
  if (closed > 0) lines.push(`${counted(closed)} absent, with current_balance 0 already`)
  if (parents.count > 0 && !isRefused) {
    const verb = isLoaded ? 'set' : 'would be set'
    lines.push(
      `${counted(parents.count)} parent of others: current_balance ${verb} to the sum of the children`,
    )
    lines.push(...idLines(parents))
  }
  return action === 'none' && accounts.count === 0 ? [] : lines
}

function effectOf({ action, isRefused }: Absent, isLoaded: boolean, note: string) {
  if (isRefused) return ''
  if (action === 'none') return `: unchanged${note}`
  if (action === 'delete') return isLoaded ? ': deleted' : ': would be deleted'
  return `: current_balance ${isLoaded ? 'set' : 'would be set'} to 0`
}

const counted = (count: number) =>
  `${formatNumber(count).padStart(9)} ${count === 1 ? 'account of the tables is' : 'accounts of the tables are'}`

function idLines({ count, external_ids }: Absent['accounts']) {
  if (external_ids.length === 0) return []
  const more = count > MAX_IDS ? ` and ${formatNumber(count - MAX_IDS)} more (--json prints up to 1,000)` : ''
  return [`            ${external_ids.slice(0, MAX_IDS).join(', ')}${more}`]
}

/** @returns why the import was refused, and what to do */
export function refusalOf({ action, accounts, total }: Absent, maxPercent: number) {
  const percent = Math.ceil((accounts.count * 100) / total)
  const kind = action === 'zero' ? 'accounts with a balance' : 'accounts'
  return (
    `${formatNumber(accounts.count)} of ${formatNumber(total)} ${kind} (${percent} %) are absent from the input, ` +
    `and --max-absent allows ${maxPercent} %. If the input is the whole portfolio, use --max-absent ${percent}. ` +
    'Otherwise import the whole portfolio, or import without --snapshot'
  )
}

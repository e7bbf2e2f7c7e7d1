/** Numbers, amounts and durations in text for people. */

export const formatNumber = (value: number | string) => Number(value).toLocaleString('en-US')

export const formatDuration = (seconds: number) =>
  seconds < 120
    ? `${seconds} s`
    : seconds < 7200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3600)} h`

/** @param cents whole cents as text, of any size */
export function formatDollars(cents: string): string {
  const [sign, digits] = cents.startsWith('-') ? ['-', cents.slice(1)] : ['', cents]
  const padded = digits.padStart(3, '0')
  return `${sign}$${BigInt(padded.slice(0, -2)).toLocaleString('en-US')}.${padded.slice(-2)}`
}

/** Whole cents as text; null without balances. */
export interface BalanceFigures {
  smallest: string | null
  median: string | null
  largest: string | null
  total: string | null
}

export const formatBalances = ({ smallest, median, largest, total }: BalanceFigures): string =>
  smallest === null || median === null || largest === null || total === null
    ? 'all 0'
    : `smallest ${formatDollars(smallest)}, median ${formatDollars(median)}, largest ${formatDollars(largest)}, total ${formatDollars(total)}`

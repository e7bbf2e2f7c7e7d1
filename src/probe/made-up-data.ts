/** Made-up customers and accounts. All ids are new in each run. */
import { randomBytes, randomInt } from 'node:crypto'

export interface MadeUpRow {
  customer: { external_id: string; name?: string; metadata?: Record<string, string> }
  debt_accounts: { external_id: string; balance?: number; external_account_number?: string }[]
}

export interface MadeUpData {
  /** Starts most of the ids. */
  prefix: string
  /** A new id: the prefix and a number. */
  id(kind: string): string
  /** A row with a new customer and one account. */
  row(account?: string): MadeUpRow
  /** Random digits. */
  digits(count: number): string
  /** Whether a text is an id that was made up here. */
  isOurs(text: string): boolean
}

export function createMadeUpData(): MadeUpData {
  const prefix = `Probe-${randomBytes(4).toString('hex')}-`
  const others = new Set<string>()
  let count = 0
  const id = (kind: string) => {
    count += 1
    return `${prefix}${kind}${count}`
  }
  return {
    prefix,
    id,
    row(account = id('A')) {
      others.add(account)
      return {
        customer: { external_id: id('C'), name: 'Probe of tratta-jit' },
        debt_accounts: [{ external_id: account, balance: 100 }],
      }
    },
    digits: (length) => Array.from({ length }, () => String(randomInt(1, 10))).join(''),
    isOurs: (text) => text.toLowerCase().startsWith(prefix.toLowerCase()) || others.has(text),
  }
}

import type { Payload } from './check-payload.ts'
import type { DebtAccount, WritableHoldings } from './holdings.ts'
import type { Resource } from './shelf.ts'

/** What was created or updated, as it is held now; the keys are those that were sent. */
export interface Applied {
  location?: Resource
  customer?: Resource
  debt_account: DebtAccount
  child_debt_accounts?: DebtAccount[]
}

/** Creates or updates what a checked payload holds; the payload's accounts are linked to its customer and location. */
export function applyPayload(payload: Payload, holdings: WritableHoldings): Applied {
  const location = payload.location && holdings.saveLocation(payload.location)
  const customer = payload.customer && holdings.saveCustomer(payload.customer)
  const links = {
    ...(customer && { customer_id: customer.uuid }),
    ...(location && { location_id: location.uuid }),
  }
  const account = holdings.saveDebtAccount(payload.debt_account, links)
  const children = payload.child_debt_accounts?.map((child) => holdings.saveDebtAccount(child, links))
  holdings.recalculate()

  const current = ({ uuid }: DebtAccount) => holdings.debtAccounts.get(uuid)!
  return {
    ...(location && { location }),
    ...(customer && { customer }),
    debt_account: current(account),
    ...(children && { child_debt_accounts: children.map(current) }),
  }
}

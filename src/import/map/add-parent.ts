import { emptyAccount, type ImportRow } from '../import-row.ts'
import type { Parents } from './column-map.ts'

/**
 * Makes the account of a row a child of the account of its group.
 * @param group the group number; empty for an account without a group
 */
export function addParent(row: ImportRow, group: string, { prefix, null_values: nulls }: Parents) {
  const [account] = row.accounts
  if (!account) return
  const { values, columns } = account
  account.columns = new Set([...columns, 'parent_external_id'])
  const id = prefix === undefined ? group : `${prefix}${group}`
  if (group === '' || nulls?.includes(group) || id === values.external_id) return
  values.parent_external_id = id
  if (prefix === undefined) return
  const parent = { ...emptyAccount(), external_id: id, balance: '0', current_balance: '0' }
  const shared = columns.has('customer_external_id') ? ['customer_external_id'] : []
  if (shared.length > 0) parent.customer_external_id = values.customer_external_id
  // After the child, whose id identifies the row in messages.
  row.accounts.push({
    values: parent,
    columns: new Set(['external_id', 'balance', 'current_balance', ...shared]),
  })
}

import type { Holdings } from './holdings.ts'

/**
 * Whether an account would stand below itself. `sentParents` are the parents, by external_id, that the
 * same payload gives to other accounts.
 */
export function makesCircle(
  holdings: Holdings,
  externalId: string,
  parent: string,
  sentParents?: ReadonlyMap<string, string>,
): boolean {
  const seen = new Set<string>()
  let above: string | undefined = parent
  while (above !== undefined && !seen.has(above)) {
    if (above === externalId) return true
    seen.add(above)
    above = sentParents?.get(above) ?? holdings.debtAccounts.get(above)?.parent_external_id
  }
  return false
}

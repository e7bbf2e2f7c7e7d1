/** Finds ids that differ only by case, trailing blanks or Unicode composition. */
import { readSameIds } from '../database/same-ids.ts'
import { readingsFrom } from '../tratta/readings.ts'
import { type CheckResult, check, ok } from './check.ts'
import { excludeUnreadableRows } from './exclude-unreadable-rows.ts'

const DIFFERENCE = 'differ only by case, trailing blanks or Unicode composition'
const EXAMPLES = 3

export const ids = check({
  name: 'ids',
  needs: ['pool', 'relations', 'readable', 'unreadable'],
  readsAllRows: true,
  async run({ pool, relations, unreadable, config, readings = readingsFrom(config, []) }) {
    const sources = excludeUnreadableRows(relations, unreadable)
    const results: CheckResult[] = []
    for (const relation of ['customers', 'debt_accounts'] as const) {
      const same = await readSameIds(pool, relations, relation, sources[relation])
      if (same.length > 0) results.push(resultOf(relation, same, readings.idComparison))
    }
    return results.length > 0 ? results : [ok(`no two external_ids ${DIFFERENCE}`)]
  },
})

function resultOf(
  relation: 'customers' | 'debt_accounts',
  same: string[],
  comparison: 'exact' | 'folded',
): CheckResult {
  const counted = { count: same.length, examples: same.slice(0, EXAMPLES) }
  const message = `external_ids of ${relation} ${DIFFERENCE}`
  if (comparison === 'folded')
    return {
      state: 'error',
      message: `${message}: Tratta treats them as one`,
      remedy: 'change the ids: `bulk push` does not send them, because Tratta would mix their data',
      ...counted,
    }
  return {
    state: 'warning',
    message: `${message}: they may be one at a Tratta on MySQL`,
    remedy: 'run `tratta-jit probe` against a sandbox, or set TRATTA_ID_COMPARISON; or change the ids',
    ...counted,
  }
}

/** Finds ids that differ only by case, trailing blanks or Unicode composition. */
import type pg from 'pg'
import type { Config } from '../config.ts'
import { readSameIds } from '../database/same-ids.ts'
import { READING_SOURCES, type Readings } from '../tratta/readings.ts'
import { readStoredReadings } from '../tratta/readings-store.ts'
import { type CheckResult, check, ok } from './check.ts'
import { excludeUnreadableRows } from './exclude-unreadable-rows.ts'

const DIFFERENCE = 'differ only by case, trailing blanks or Unicode composition'
const EXAMPLES = 3

export const ids = check({
  name: 'ids',
  needs: ['pool', 'relations', 'readable', 'unreadable'],
  readsAllRows: true,
  async run({ pool, relations, unreadable, config }) {
    const comparison = await knownComparison(pool, config)
    if (comparison === 'exact') return [ok('Tratta compares external_ids byte by byte')]
    const sources = excludeUnreadableRows(relations, unreadable)
    const results: CheckResult[] = []
    for (const relation of ['customers', 'debt_accounts'] as const) {
      const same = await readSameIds(pool, relations, relation, sources[relation])
      if (same.length > 0) results.push(resultOf(relation, same, comparison === 'folded'))
    }
    return results.length > 0 ? results : [ok(`no two external_ids ${DIFFERENCE}`)]
  },
})

/** @returns undefined if it is only assumed */
async function knownComparison(
  pool: pg.Pool,
  config: Partial<Config>,
): Promise<Readings['idComparison'] | undefined> {
  const { experiment, setting, parse } = READING_SOURCES.idComparison
  const { TRATTA_API_URL: apiUrl } = config
  const stored = apiUrl === undefined ? [] : await readStoredReadings(pool, apiUrl)
  return config[setting] ?? parse(stored.find(({ name }) => name === experiment)?.value ?? '')
}

function resultOf(relation: 'customers' | 'debt_accounts', same: string[], isFolded: boolean): CheckResult {
  const message = `external_ids of ${relation} ${DIFFERENCE}`
  return {
    state: isFolded ? 'error' : 'warning',
    message: `${message}: ${isFolded ? 'Tratta treats them as one' : 'they may be one at a Tratta on MySQL'}`,
    remedy: isFolded
      ? 'change the ids: `bulk push` does not send them, because Tratta would mix their data'
      : 'run `tratta-jit probe` against a sandbox, or set TRATTA_ID_COMPARISON; or change the ids',
    count: same.length,
    examples: same.slice(0, EXAMPLES),
  }
}

/** Checks whether the lookup can use indexes, and whether Postgres has the statistics to use them. */
import { formatNumber } from '../terminal/format.ts'
import { type CheckResult, check, errorResult, ok, warning } from './check.ts'
import { explainLookup } from './explain-lookup.ts'
import { type Scan, scansOf } from './plan-scans.ts'
import { MIN_ROWS, type ScannedTable, tablesOf } from './scanned-tables.ts'

export const indexes = check({
  name: 'indexes',
  needs: ['pool', 'relations', 'readable'],
  async run({ pool, relations }) {
    // Postgres rightly prefers sequential scans for small tables.
    const options = { prefersIndexes: true }
    return explainLookup(pool, relations, options, async (plan, client) => {
      const tables = await tablesOf(client, scansOf(plan))
      const problems = [...missingIndexes(tables), ...missingStatistics(tables)]
      if (problems.length > 0) return problems
      const remote = [
        ...new Set(tables.flatMap(({ scan, table }) => (scan.kind === 'sent' ? table : []))),
      ].sort()
      return [
        ok(
          remote.length === 0
            ? 'the lookup can use indexes'
            : `the lookup can use indexes, and sends its conditions on ${remote.join(', ')} to the other server`,
        ),
      ]
    })
  },
})

/** One result for each remedy: the partitions of a table have the same one. */
function missingIndexes(tables: ScannedTable[]): CheckResult[] {
  const full = tables.filter(({ scan }) => scan.kind === 'full' || scan.kind === 'foreign')
  // The index of some of the expressions is enough for the others.
  const smallest = full.filter(
    ({ table, scan }) => !full.some((other) => other.table === table && isPart(other, scan)),
  )
  return [...Map.groupBy(smallest, remedyOf)].flatMap(([remedy, scanned]) => {
    const { table, scan, isPartition } = scanned[0]!
    const partitions = new Map(scanned.map(({ scan: { schema, name }, rows }) => [`${schema}.${name}`, rows]))
    const rows = [...partitions.values()].reduce((sum, count) => sum + count, 0)
    const isUnknown = scan.kind === 'foreign' && rows === 0
    if (rows < MIN_ROWS && !isUnknown) return []
    const about = isUnknown ? '' : `, about ${formatNumber(rows)} rows`
    const where = isPartition ? ` in ${partitions.size} partitions` : ''
    const reason =
      scan.kind === 'foreign' ? 'the condition is not sent to the other server' : 'no index can be used'
    return errorResult(`every call reads all of ${table}${about}${where}: ${reason}`, remedy)
  })
}

const isPart = ({ scan: { expressions } }: ScannedTable, whole: Scan) =>
  expressions.length > 0 &&
  expressions.length < whole.expressions.length &&
  expressions.every((expression) => whole.expressions.includes(expression))

function remedyOf({ scan: { kind, expressions }, table, hasRowSecurity }: ScannedTable): string {
  if (kind === 'foreign')
    return `declare the columns of ${table} with the types and collations of the other server; the option "extensions" of the server lets Postgres send citext`
  if (expressions.length === 0)
    return `change the view so that Postgres can apply the condition to ${table}: distinct, group by and window functions prevent that`
  const isExpression = expressions.some((expression) => expression.startsWith('('))
  return hasRowSecurity && isExpression
    ? `add a column "generated always as ${expressions.join(', ')} stored" to ${table}, with an index, and use it in the view: row-level security keeps Postgres from using an index on an expression`
    : `create index on ${table} (${expressions.join(', ')})`
}

function missingStatistics(tables: ScannedTable[]): CheckResult[] {
  const outdated = tables.filter(({ hasStatistics, rows }) => !hasStatistics && rows >= MIN_ROWS)
  return [...Map.groupBy(outdated, ({ table }) => table)].map(([table, [first]]) =>
    warning(
      `Postgres has no current statistics of ${table}, about ${formatNumber(first!.rows)} rows: it may choose a slow plan`,
      `analyze ${table}`,
    ),
  )
}

/** Checks that every id exists once, and every name and type of a location. */
import { type RawBuilder, sql } from 'kysely'
import { columnsOf, read } from '../database/column-sql.ts'
import type { RelationName } from '../database/columns.ts'
import type { Relations } from '../database/relations.ts'
import { check, ok } from './check.ts'
import { countIds, toResults } from './data.ts'
import { excludeUnreadableRows, type UnreadableRows } from './exclude-unreadable-rows.ts'

const RESOURCES = { debt_accounts: 'debt_account', customers: 'customer', locations: 'location' } as const

export const unique = check({
  name: 'unique',
  needs: ['pool', 'relations', 'readable', 'unreadable'],
  readsAllRows: true,
  async run({ pool, relations, unreadable }) {
    const results = []
    for (const [relation, resource] of Object.entries(RESOURCES) as [RelationName, string][]) {
      const duplicates = await countIds(
        pool,
        relations,
        `${resource} exists more than once`,
        duplicateIds(relations, relation, unreadable),
      )
      results.push(
        ...toResults(
          'error',
          [duplicates],
          `correct the view ${relations.schema}.${relation}: a call for such a ${resource} is answered with 500, and \`bulk push\` does not send it`,
        ),
      )
    }
    const sameName = await countIds(
      pool,
      relations,
      'location has the name and the type of another location',
      locationsOfSameName(relations, unreadable),
    )
    results.push(
      ...toResults(
        'error',
        [sameName],
        'give each location its own name, or use one external_id: Tratta has one location for a name and a type, and rejects accounts of the others',
      ),
    )
    return results.length > 0
      ? results
      : [ok('every external_id exists once, and every name and type of a location')]
  },
})

function duplicateIds(relations: Relations, relation: RelationName, unreadable: UnreadableRows) {
  const id = read(columnsOf(relations, relation, 'row')('external_id'))
  return sql`select ${id} as id from ${excludeUnreadableRows(relations, unreadable)[relation]} as "row"
    group by 1 having count(*) > 1`
}

function locationsOfSameName(relations: Relations, unreadable: UnreadableRows): RawBuilder<unknown> {
  const location = columnsOf(relations, 'locations', 'location')
  return sql`select distinct id from (
    select ${read(location('external_id'))} as id,
      count(*) over (partition by ${read(location('name'))}, coalesce(${read(location('type'))}, 'original_creditor')) as count,
      count(*) over (partition by ${read(location('external_id'))}) as same_id
    from ${excludeUnreadableRows(relations, unreadable).locations} as location) as named where count > same_id`
}

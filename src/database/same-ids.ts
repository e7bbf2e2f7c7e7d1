/** Ids that differ only by case, trailing blanks or Unicode composition: one id for a Tratta on MySQL. */
import { type RawBuilder, sql } from 'kysely'
import type pg from 'pg'
import { columnsOf, compilerFor, read } from './column-sql.ts'
import type { Relations } from './relations.ts'

type IdRelation = 'customers' | 'debt_accounts'

/**
 * One pass and one hash join. Ids that are equal are next to each other.
 * @param source the relation, or a subquery with the same columns
 */
export async function readSameIds(
  pool: pg.Pool,
  relations: Relations,
  relation: IdRelation,
  source: RawBuilder<unknown> = sql.id(relations.schema, relation),
): Promise<string[]> {
  const id = read(columnsOf(relations, relation, 'row')('external_id'))
  // Only UTF8 databases have normalize.
  const composed = sql`case when getdatabaseencoding() = 'UTF8' then normalize(id, nfc) else id end`
  const statement = sql`with ids as (select ${id} as id from ${source} as "row"),
    folded as (select id, lower(rtrim(${composed}) collate "default") as fold from ids where id is not null),
    same as (select fold from folded group by fold having min(id collate "C") <> max(id collate "C"))
    select distinct fold, id collate "C" as id from folded join same using (fold) order by fold, id`
  const { rows } = await pool.query<{ id: string }>(statement.compile(compilerFor(relations)).sql)
  return rows.map(({ id }) => id)
}

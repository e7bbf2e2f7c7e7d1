/** The tables behind the scans of a plan: their sizes, statistics and partitioned tables. */
import type pg from 'pg'
import type { Scan } from './plan-scans.ts'

/** A full scan of a smaller table is as fast as an index scan. */
export const MIN_ROWS = 10_000

export interface ScannedTable {
  scan: Scan
  /** `schema.table`, quoted if necessary; of a partition, its partitioned table. */
  table: string
  isPartition: boolean
  /** The estimate of the last ANALYZE. For a table that was never analyzed, an estimate by its size. */
  rows: number
  hasStatistics: boolean
  hasRowSecurity: boolean
}

interface TableRow {
  schema: string
  name: string
  table: string
  is_partition: boolean
  rows: number
  has_statistics: boolean
  has_row_security: boolean
}

/** Looks the tables up by their names, because a cast to regclass needs more privileges. */
export async function tablesOf(client: pg.PoolClient, scans: Scan[]): Promise<ScannedTable[]> {
  const { rows } = await client.query<TableRow>(
    `select n.nspname as schema, c.relname as name, quote_ident(rn.nspname) || '.' || quote_ident(root.relname) as "table",
       root.oid <> c.oid as is_partition,
       round(case when c.reltuples >= 0 then c.reltuples else pg_relation_size(c.oid) / 100.0 end)::float8 as rows,
       c.relkind = 'f' or c.reltuples >= 0
         and coalesce(pg_stat_get_mod_since_analyze(c.oid), 0) <= greatest(c.reltuples, ${MIN_ROWS}) as has_statistics,
       root.relrowsecurity as has_row_security
     from unnest($1::text[], $2::text[]) as scan (schema, name)
       join pg_namespace n on n.nspname = scan.schema
       join pg_class c on c.relnamespace = n.oid and c.relname = scan.name
       join pg_class root on root.oid = coalesce(pg_partition_root(c.oid), c.oid)
       join pg_namespace rn on rn.oid = root.relnamespace
     group by n.oid, c.oid, root.oid, rn.oid`,
    [scans.map(({ schema }) => schema), scans.map(({ name }) => name)],
  )
  return scans.flatMap((scan) => {
    const row = rows.find(({ schema, name }) => schema === scan.schema && name === scan.name)
    if (!row) return []
    return {
      scan,
      table: row.table,
      isPartition: row.is_partition,
      rows: row.rows,
      hasStatistics: row.has_statistics,
      hasRowSecurity: row.has_row_security,
    }
  })
}

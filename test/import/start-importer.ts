/** Writes files for a test and imports them with the program. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'

interface Importer {
  database: TestDatabase
  /** The path of a file of this test. */
  path(name: string): string
  /** Writes the file and imports it; `-` in the options is standard input. */
  load(content: string | Buffer, ...options: string[]): ReturnType<typeof run>
  /** The last JSON line. */
  event(content: string | Buffer, ...options: string[]): Promise<Record<string, unknown>>
  command(...args: string[]): ReturnType<typeof run>
  accounts(): Promise<Record<string, unknown>[]>
}

export async function startImporter(t: Test): Promise<Importer> {
  const database = await testDatabase(t)
  const folder = t.testdir({})
  const path = (name: string) => join(folder, name)
  const env = { DATABASE_URL: database.url }
  const load: Importer['load'] = (content, ...options) => {
    writeFileSync(path('given'), content)
    return run(t, ['import', path('given'), ...options], env)
  }
  return {
    database,
    path,
    load,
    async event(content, ...options) {
      const { lines, stderr } = await load(content, ...options, '--json')
      if (!lines.at(-1)) throw new Error(`import printed nothing: ${stderr}`)
      return lines.at(-1)!
    },
    command: (...args) => run(t, args, env),
    accounts: () => database.query('select * from tratta_jit.debt_accounts order by external_id collate "C"'),
  }
}

export const CENTS = ['--money', 'cents']

/** @returns the lines of the examples, by message */
export function rejected(event: Record<string, unknown>) {
  const groups = event.rejected as { message: string; rows: number; examples: { line: number }[] }[]
  return Object.fromEntries(
    groups.map(({ message, examples }) => [message, examples.map(({ line }) => line)]),
  )
}

export async function nothingLoaded(t: Test, { database }: Importer) {
  const [{ count } = {}] = await database.query('select count(*)::int as count from tratta_jit.debt_accounts')
  t.equal(count, 0, 'nothing is loaded')
}

/** The content of the tables as one text. */
export const tablesOf = async ({ query }: TestDatabase) =>
  JSON.stringify(
    await query(
      `select (select json_agg(a order by external_id) from tratta_jit.debt_accounts a) as debt_accounts,
         (select json_agg(c order by external_id) from tratta_jit.customers c) as customers,
         (select json_agg(l order by external_id) from tratta_jit.locations l) as locations`,
    ),
  )

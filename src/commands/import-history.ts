/** `import --history`. */
import { readConfig } from '../config.ts'
import { isUpToDate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import { listImports } from '../import/imports-table.ts'
import { historyLine } from '../import/report/history-line.ts'
import { print, printJson } from '../terminal/output.ts'
import { UsageError } from '../user-facing-error.ts'
import { DONE, fail, failWith, NOT_UP_TO_DATE, type Options } from './command.ts'

const MAX_HISTORY = 100

export async function printHistory(options: Options, files: string[]) {
  if (files.length > 0) throw new UsageError('--history takes no FILE')
  const config = readConfig(process.env, 'DATABASE_URL')
  const pool = createPool({ ...config, DATABASE_POOL_SIZE: 1 }, { connectionMs: 30_000, statementMs: 30_000 })
  try {
    if (!(await isUpToDate(pool))) return fail(NOT_UP_TO_DATE, options)
    const imports = await listImports(pool, MAX_HISTORY)
    for (const one of imports) await (options.json ? printJson(one) : print(historyLine(one)))
    if (imports.length === 0 && !options.json) await print('No import is recorded')
    return DONE
  } catch (error) {
    return failWith(error, options)
  } finally {
    await pool.end()
  }
}

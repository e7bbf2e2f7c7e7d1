import { type NewRead, recordRead } from '../calls/reads.ts'
import type { Config } from '../config.ts'
import { createPool } from '../database/pool.ts'
import { describeError } from '../log.ts'
import { printError } from '../terminal/output.ts'

const TIMEOUT_MS = 5000

/** Records that a person reads an account. Without the privilege the command continues, with a warning. */
export async function auditRead(config: Config<'DATABASE_URL'>, read: NewRead): Promise<void> {
  const pool = createPool(
    { ...config, DATABASE_POOL_SIZE: 1 },
    { connectionMs: TIMEOUT_MS, statementMs: TIMEOUT_MS },
  )
  try {
    await recordRead(pool, read)
  } catch (error) {
    const { type, code, message = code ?? type } = describeError(error)
    printError(
      `Warning: this read is not recorded in tratta_jit.reads (${message}). \`tratta-jit check\` prints the remedy.`,
    )
  } finally {
    await pool.end()
  }
}

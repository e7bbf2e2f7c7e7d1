/** Proves by a call that Tratta has our URL, when Tratta reports "already taken" and no earlier answer is known. */
import pg from 'pg'
import { type RegistrationConfig, trattaClient, urlDigest } from './jit-url.ts'
import { storeProof } from './registration-store.ts'
import { TrattaError } from './tratta-error.ts'
import { isProof, readTriggerAnswer, readTriggerError } from './trigger-outcome.ts'

/**
 * Triggers a call for one account of the database, and stores the proof.
 * @returns false if there is no account, or the trigger proves nothing
 */
export async function proveRegistration(
  config: RegistrationConfig,
  pool: pg.Pool,
  signal?: AbortSignal,
): Promise<boolean> {
  const table = `${pg.escapeIdentifier(config.DATABASE_SCHEMA)}.debt_accounts`
  const { rows } = await pool.query<{ external_id: string }>(
    `select external_id::text as external_id from ${table} where external_id is not null limit 1`,
  )
  if (!rows[0]) return false
  const outcome = await trattaClient(config)
    .trigger(rows[0].external_id, { attempts: 1, ...(signal && { signal }) })
    .then(({ body }) => readTriggerAnswer(body), unlessTrattaError)
  if (!isProof(outcome)) return false
  await storeProof(pool, config.TRATTA_API_URL, urlDigest(config))
  return true
}

function unlessTrattaError(error: unknown) {
  if (!(error instanceof TrattaError)) throw error
  return readTriggerError(error)
}

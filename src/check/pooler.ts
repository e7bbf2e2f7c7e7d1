/** Checks whether a connection pooler is between this program and Postgres, and whether it supports named statements. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { check, errorResult, ok } from './check.ts'

type Client = pg.PoolClient & { processID?: number | null }

/** A pooler can assign the same connection again by chance. */
const MAX_TRIES = 3
const POOLER = 'the connection uses a pooler such as PgBouncer in'

export const pooler = check({
  name: 'pooler',
  needs: ['pool'],
  settings: ['DATABASE_PREPARED_STATEMENTS'],
  async run({ pool, config }) {
    const [client, other] = [(await pool.connect()) as Client, await pool.connect()]
    try {
      // A pooler sends a process id of its own when a connection starts.
      if ((await pidOf(client)) === client.processID) return [ok('none: the connection is direct')]
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const isSupported = await supportsNamedStatements(client, other)
        if (isSupported === true) return [ok(`${POOLER} transaction mode, which supports named statements`)]
        if (isSupported === false)
          return [
            config.DATABASE_PREPARED_STATEMENTS
              ? errorResult(
                  `${POOLER} transaction mode, which does not support named statements`,
                  'set DATABASE_PREPARED_STATEMENTS=false, or max_prepared_statements in PgBouncer 1.21 or newer',
                )
              : ok(`${POOLER} transaction mode; DATABASE_PREPARED_STATEMENTS is false, as required`),
          ]
      }
      return [ok(`${POOLER} session mode (probably)`)]
    } finally {
      client.release(true)
      other.release(true)
    }
  },
})

const PID = 'select pg_backend_pid() as pid'

const pidOf = async (client: pg.PoolClient, name?: string) =>
  (await client.query<{ pid: number }>({ text: PID, ...(name && { name }) })).rows[0]!.pid

/**
 * The first client prepares a statement on one server connection. The second client then occupies that connection,
 * and the first client executes the statement on another one.
 * @returns undefined when the first client kept its server connection
 */
async function supportsNamedStatements(client: Client, other: pg.PoolClient): Promise<boolean | undefined> {
  const name = `tratta_jit_${randomUUID()}`
  const before = await pidOf(client, name)
  await other.query('begin')
  try {
    if ((await pidOf(other)) !== before || (await pidOf(client)) === before) return undefined
    await pidOf(client, name)
    return true
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_STATEMENT) return false
    throw error
  } finally {
    // The statement would stay on the connection for other clients. A pooler that supports named statements has
    // renamed it and removes it itself.
    await other.query(`deallocate "${name}"`).catch(() => {})
    await other.query('rollback')
  }
}

const UNDEFINED_STATEMENT = '26000'

/** Whether something pools connections between us and Postgres, and what that means for named statements. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { check, errorFinding, ok } from './check.ts'

type Client = pg.PoolClient & { processID?: number | null }

/** A pooler may hand out the same connection again by chance. */
const TRIES = 3
const IN_BETWEEN = 'a pooler such as PgBouncer is in between, in'

export const pooler = check({
  name: 'pooler',
  needs: ['pool'],
  settings: ['DATABASE_PREPARED_STATEMENTS'],
  async run({ pool, config }) {
    const [client, other] = [(await pool.connect()) as Client, await pool.connect()]
    try {
      // What a pooler says of itself when a connection begins is not what Postgres says behind it.
      if ((await pidOf(client)) === client.processID) return [ok('none: Postgres itself answers')]
      for (let tried = 0; tried < TRIES; tried++) {
        const known = await knowsNames(client, other)
        if (known === true) return [ok(`${IN_BETWEEN} transaction mode, and knows named statements`)]
        if (known === false)
          return [
            config.DATABASE_PREPARED_STATEMENTS
              ? errorFinding(
                  `${IN_BETWEEN} transaction mode, and does not know named statements`,
                  'set DATABASE_PREPARED_STATEMENTS=false, or max_prepared_statements in PgBouncer 1.21 or newer',
                )
              : ok(`${IN_BETWEEN} transaction mode; DATABASE_PREPARED_STATEMENTS is false, as it must be`),
          ]
      }
      return [ok(`${IN_BETWEEN} session mode as it seems`)]
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
 * Lets another client take the connection on which the first one has named a statement, and then asks for
 * that statement.
 * @returns undefined when the first one has kept its connection
 */
async function knowsNames(client: Client, other: pg.PoolClient): Promise<boolean | undefined> {
  const name = `tratta_jit_${randomUUID()}`
  const before = await pidOf(client, name)
  await other.query('begin')
  try {
    if ((await pidOf(other)) !== before || (await pidOf(client)) === before) return undefined
    await pidOf(client, name)
    return true
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === NO_SUCH_STATEMENT) return false
    throw error
  } finally {
    // It would stay there for whoever gets that connection next. A pooler that knows names sees to it itself.
    await other.query(`deallocate "${name}"`).catch(() => {})
    await other.query('rollback')
  }
}

const NO_SUCH_STATEMENT = '26000'

/** Whether something pools connections between us and Postgres, and what that means for named statements. */
import pg from 'pg'
import { check, type Finding, failure, ok } from './check.ts'

type Client = pg.PoolClient & { processID?: number | null }

const NAMED = { name: 'tratta_jit_check', text: 'select pg_backend_pid() as pid' }

/** A pooler may hand out another connection, or the same again by chance. */
const TRIES = 3

export const pooler = check({
  name: 'pooler',
  needs: ['pool'],
  async run({ pool, config }) {
    const [client, other] = [(await pool.connect()) as Client, await pool.connect()]
    try {
      // What a pooler says of itself when a connection begins is not what Postgres says behind it.
      if ((await pidOf(client)) === client.processID) return [ok('none: Postgres itself answers')]
      for (let tried = 0; tried < TRIES; tried++) {
        const found = await afterAnother(client, other, config.DATABASE_PREPARED_STATEMENTS === true)
        if (found) return [found]
      }
      return [ok('a pooler such as PgBouncer, in session mode as it seems')]
    } finally {
      // Neither is to be used again: a statement of one may stand where the other expects none.
      client.release(true)
      other.release(true)
    }
  },
})

const pidOf = async (client: pg.PoolClient, query: { name?: string; text: string } = { text: NAMED.text }) =>
  (await client.query<{ pid: number }>(query)).rows[0]!.pid

/**
 * Lets another client take the connection that the first one had, in a transaction, and then asks for the
 * first one's named statement.
 * @returns undefined when the first one has kept its connection
 */
async function afterAnother(
  client: Client,
  other: pg.PoolClient,
  named: boolean,
): Promise<Finding | undefined> {
  const before = await pidOf(client, NAMED)
  await other.query('begin')
  try {
    await pidOf(other)
    const isKept = (await pidOf(client)) === before
    if (isKept) return undefined
    try {
      await pidOf(client, NAMED)
      return ok('a pooler such as PgBouncer, in transaction mode, that knows named statements')
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error
      const said = 'a pooler such as PgBouncer, in transaction mode, that does not know named statements'
      return named
        ? failure(
            said,
            'set DATABASE_PREPARED_STATEMENTS=false, or max_prepared_statements in PgBouncer 1.21 or newer',
          )
        : ok(`${said}; DATABASE_PREPARED_STATEMENTS is false, as it must be`)
    }
  } finally {
    await other.query('rollback')
  }
}

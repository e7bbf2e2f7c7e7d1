/** Postgres is available, but has no connections left, or is read-only. */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Drill, DrillContext } from './drill.ts'
import { allAnswered, countedExactly, same } from './expectations.ts'
import { drillOf } from './postgres-faults.ts'
import { startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 200

export const connectionsExhausted = drillOf({
  description: 'other clients take every connection of Postgres, including those of the service',
  settings: { max_connections: '40' },
  begin: ({ url }, context) => takeAllConnections(context, url),
  duration: () => 2000,
})

/**
 * Takes the free connections, then those of the service.
 * @returns a function that closes them
 */
async function takeAllConnections(context: DrillContext, url: string) {
  const taken: pg.Client[] = []
  const end = () => Promise.all(taken.splice(0).map((client) => client.end()))
  context.onEnd(end)
  const take = async () => {
    const client = new pg.Client(url)
    client.on('error', () => {})
    await client.connect()
    taken.push(client)
    return client
  }
  const takeFree = async () => {
    for (;;)
      try {
        await take()
      } catch (error) {
        if ((error as { code?: string }).code !== '53300') throw error
        return
      }
  }
  const first = await take()
  // A connection that is being opened has no name yet, so one attempt without others is not enough.
  for (let withoutOthers = 0; withoutOthers < 10; await pause(20)) {
    const { rowCount } = await first.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tratta-jit'",
    )
    await takeFree()
    withoutOthers = rowCount === 0 ? withoutOthers + 1 : 0
  }
  return end
}

export const postgresReadOnly: Drill = {
  description: 'Postgres is read-only, like a standby: calls are answered, and the service can restart',
  async run(context) {
    const postgres = await startDatabase(context)
    const [replica, restarted] = await Promise.all([
      startReplica(context, postgres),
      startReplica(context, postgres),
    ])
    const calling = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    await pause(1000)
    await query(postgres.url, 'alter system set default_transaction_read_only = on')
    await query(postgres.url, 'select pg_reload_conf()')
    const exitCode = await restarted.stop()
    await restarted.start()
    const answer = await restarted.answer()
    await pause(1000)
    const calls = await calling.stop()
    const counted = await countedExactly(replica, calls)
    return {
      calls,
      expectations: [
        allAnswered(context, calls),
        same('exit code of a replica', exitCode, 0),
        {
          text: 'the replica starts again on the read-only database and gives the same answer',
          isMet: answer === (await replica.answer()),
        },
        counted,
      ],
    }
  },
}

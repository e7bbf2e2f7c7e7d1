/** Postgres is there, but does not give all that it should. */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Drill, Scene } from './drill.ts'
import { allAnswered, countedExactly, same } from './expectations.ts'
import { drillOf } from './postgres-faults.ts'
import { startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 200

export const connectionsExhausted = drillOf({
  does: 'others take every connection that Postgres has, those of the service among them',
  settings: { max_connections: '40' },
  begin: ({ url }, scene) => takeAllConnections(scene, url),
  lasts: () => 2000,
})

/**
 * Whatever is free, and then whatever the service holds.
 * @returns what gives them back
 */
async function takeAllConnections(scene: Scene, url: string) {
  const taken: pg.Client[] = []
  const end = () => Promise.all(taken.splice(0).map((client) => client.end()))
  scene.closing(end)
  const take = async () => {
    const client = new pg.Client(url)
    client.on('error', () => {})
    await client.connect()
    taken.push(client)
    return client
  }
  const takeWhatIsFree = async () => {
    for (;;)
      try {
        await take()
      } catch (error) {
        if ((error as { code?: string }).code !== '53300') throw error
        return
      }
  }
  const first = await take()
  // One that is still being opened has no name yet, so what was seen once is not enough.
  for (let withoutOthers = 0; withoutOthers < 10; await pause(20)) {
    const { rowCount } = await first.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tratta-jit'",
    )
    await takeWhatIsFree()
    withoutOthers = rowCount === 0 ? withoutOthers + 1 : 0
  }
  return end
}

export const postgresReadOnly: Drill = {
  does: 'Postgres takes no writes, as a standby does: calls go on, and the service can be restarted',
  async run(scene) {
    const postgres = await startDatabase(scene)
    const [replica, restarted] = await Promise.all([
      startReplica(scene, postgres),
      startReplica(scene, postgres),
    ])
    const calling = startCalls(scene, replica.jit, CALLS_A_SECOND)
    await pause(1000)
    await query(postgres.url, 'alter system set default_transaction_read_only = on')
    await query(postgres.url, 'select pg_reload_conf()')
    const exitCode = await restarted.stop()
    await restarted.start()
    const answer = await restarted.ask()
    await pause(1000)
    const calls = await calling.stop()
    const counted = await countedExactly(replica, calls)
    return {
      calls,
      expectations: [
        allAnswered(scene, calls),
        same('a replica ends with exit code', exitCode, 0),
        {
          what: 'and, started again on the database that takes no writes, gives the same answer',
          holds: answer === (await replica.ask()),
        },
        counted,
      ],
    }
  },
}

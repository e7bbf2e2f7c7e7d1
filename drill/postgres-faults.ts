/** Postgres goes away below the service, in the ways in which it does. */
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/database/embedded-postgres.ts'
import type { Drill, Scene } from './drill.ts'
import { same, withstood } from './expectations.ts'
import { startReplica } from './replica.ts'
import { startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 200

interface Fault {
  does: string
  begin(postgres: EmbeddedPostgres): void
  /** Milliseconds until it ends. */
  lasts(scene: Scene): number
  end(postgres: EmbeddedPostgres): Promise<void> | void
}

const drillOf = ({ does, begin, lasts, end }: Fault): Drill => ({
  does,
  async run(scene) {
    const postgres = await startDatabase(scene)
    const replica = await startReplica(scene, postgres)
    const calling = startCalls(scene, replica.jit, CALLS_A_SECOND)
    await pause(1000)
    begin(postgres)
    await pause(lasts(scene))
    const health = await Promise.all([replica.health('live'), replica.health('ready')])
    await end(postgres)
    const faultEnded = performance.now()
    await pause(scene.short ? 2000 : 4000)
    const calls = await calling.stop()
    return {
      calls,
      faultEnded,
      expectations: await withstood(
        scene,
        replica,
        { calls, faultEnded },
        same('meanwhile live and ready answered', health, [200, 503]),
      ),
    }
  },
})

export const postgresKilled = drillOf({
  does: 'kill -9 of Postgres, two seconds without it, and it is started again',
  begin: (postgres) => postgres.signal('SIGKILL'),
  lasts: () => 2000,
  end: (postgres) => postgres.start(),
})

export const postgresRestarted = drillOf({
  does: 'Postgres is shut down as for an upgrade and started a second later',
  begin: (postgres) => postgres.signal('SIGINT'),
  lasts: () => 1000,
  end: (postgres) => postgres.start(),
})

export const postgresSilent = drillOf({
  does: 'Postgres keeps its connections and says nothing (SIGSTOP), as behind a dropped route',
  begin: (postgres) => postgres.signal('SIGSTOP'),
  lasts: ({ short }) => (short ? 6000 : 30_000),
  end: (postgres) => postgres.signal('SIGCONT'),
})

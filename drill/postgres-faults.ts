/** Postgres goes away below the service, in the ways in which it does. */
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import type { Drill, Scene } from './drill.ts'
import { same, withstood } from './expectations.ts'
import { startReplica } from './replica.ts'
import { startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 200

interface Fault {
  does: string
  /** Of Postgres. */
  settings?: Record<string, string>
  /** @returns what ends it */
  begin(postgres: EmbeddedPostgres, scene: Scene): Promise<End> | End
  /** Milliseconds until it ends. */
  lasts(scene: Scene): number
}
type End = () => unknown

export const drillOf = ({ does, settings, begin, lasts }: Fault): Drill => ({
  does,
  async run(scene) {
    const postgres = await startDatabase(scene, settings)
    const replica = await startReplica(scene, postgres)
    const calling = startCalls(scene, replica.jit, CALLS_A_SECOND)
    await pause(1000)
    const end = await begin(postgres, scene)
    await pause(lasts(scene))
    const health = await Promise.all([replica.health('live'), replica.health('ready')])
    await end()
    const faultEnded = performance.now()
    await pause(scene.short ? 2000 : 4000)
    const calls = await calling.stop()
    const meanwhile = same('meanwhile live and ready answered', health, [200, 503])
    return withstood(scene, replica, { calls, faultEnded }, meanwhile)
  },
})

const signalled = (signal: NodeJS.Signals, end: (postgres: EmbeddedPostgres) => unknown) =>
  function begin(postgres: EmbeddedPostgres): End {
    postgres.signal(signal)
    return () => end(postgres)
  }

export const postgresKilled = drillOf({
  does: 'kill -9 of Postgres, two seconds without it, and it is started again',
  begin: signalled('SIGKILL', (postgres) => postgres.start()),
  lasts: () => 2000,
})

export const postgresRestarted = drillOf({
  does: 'Postgres is shut down as for an upgrade and started a second later',
  begin: signalled('SIGINT', (postgres) => postgres.start()),
  lasts: () => 1000,
})

export const postgresSilent = drillOf({
  does: 'Postgres keeps its connections and says nothing (SIGSTOP), as behind a dropped route',
  begin: signalled('SIGSTOP', (postgres) => postgres.signal('SIGCONT')),
  lasts: ({ short }) => (short ? 6000 : 30_000),
})

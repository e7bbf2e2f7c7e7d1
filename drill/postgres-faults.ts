/** Postgres becomes unavailable: killed, restarted, or silent. */
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import type { Drill, DrillContext } from './drill.ts'
import { faultResult, loggedExactly, same } from './expectations.ts'
import { startReplica } from './replica.ts'
import { startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 200

interface Fault {
  description: string
  /** Settings of Postgres. */
  settings?: Record<string, string>
  /** @returns a function that ends the fault */
  begin(postgres: EmbeddedPostgres, context: DrillContext): Promise<End> | End
  /** Milliseconds. */
  duration(context: DrillContext): number
}
type End = () => unknown

export const drillOf = ({ description, settings, begin, duration }: Fault): Drill => ({
  description,
  async run(context) {
    const postgres = await startDatabase(context, settings)
    const replica = await startReplica(context, postgres)
    const calling = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    await pause(1000)
    const end = await begin(postgres, context)
    await pause(duration(context))
    const health = await Promise.all([replica.health('live'), replica.health('ready')])
    await end()
    const faultEnded = performance.now()
    await pause(context.short ? 2000 : 4000)
    const calls = await calling.stop()
    const during = same('status of live and ready during the fault', health, [200, 503])
    const result = await faultResult(context, replica, { calls, faultEnded }, during)
    result.expectations.push(await loggedExactly(replica, postgres.url, calls))
    return result
  },
})

const onSignal = (signal: NodeJS.Signals, end: (postgres: EmbeddedPostgres) => unknown) =>
  function begin(postgres: EmbeddedPostgres): End {
    postgres.signal(signal)
    return () => end(postgres)
  }

export const postgresKilled = drillOf({
  description: 'kill -9 of Postgres, which starts again two seconds later',
  begin: onSignal('SIGKILL', (postgres) => postgres.start()),
  duration: () => 2000,
})

export const postgresRestarted = drillOf({
  description: 'Postgres shuts down cleanly and starts a second later',
  begin: onSignal('SIGINT', (postgres) => postgres.start()),
  duration: () => 1000,
})

export const postgresSilent = drillOf({
  description: 'Postgres keeps its connections open and does not answer (SIGSTOP), as behind a dropped route',
  begin: onSignal('SIGSTOP', (postgres) => postgres.signal('SIGCONT')),
  duration: ({ short }) => (short ? 6000 : 30_000),
})

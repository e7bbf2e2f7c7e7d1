/** PgBouncer in transaction mode between the service and Postgres. */
import { closeSync, globSync, openSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { startChildProcess } from '../test/support/child-process.ts'
import { knowsNamedStatements, pgBouncerVersion, startPgBouncer } from '../test/support/pgbouncer.ts'
import type { Drill, DrillContext, Expectation } from './drill.ts'
import { allAnswered, countedExactly, inTime, same } from './expectations.ts'
import { startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 150
const CHECKOUT = join(import.meta.dirname, '..')

function drillOf(prepared: boolean, drill: Pick<Drill, 'description' | 'needs'>): Drill {
  return {
    ...drill,
    async run(context) {
      const postgres = await startDatabase(context)
      const pgBouncer = await startPgBouncer(postgres.url, postgres.directory)
      context.onEnd(pgBouncer.stop)
      const env = { DATABASE_PREPARED_STATEMENTS: String(prepared) }
      const start = () => startReplica(context, postgres, pgBouncer.url, { env })
      const [one, other, restarted] = [await start(), await start(), await start()]
      const calling = [one, other].map(({ jitUrl }) => startCalls(context, jitUrl, CALLS_PER_SECOND))
      const exitCodes: number[] = []
      for (let rounds = context.short ? 1 : 4; rounds > 0; rounds--) {
        await pause(1000)
        exitCodes.push(await restarted.stop())
        await restarted.start()
      }
      const made = await Promise.all(calling.map(({ stop }) => stop()))
      const calls = made.flat()
      const counted = await Promise.all([one, other].map((replica, at) => countedExactly(replica, made[at]!)))
      const locks = await query(postgres.url, "select from pg_locks where locktype = 'advisory'")
      return {
        calls,
        expectations: [
          allAnswered(context, calls),
          inTime(calls),
          same('exit codes of a third replica that restarted', [...new Set(exitCodes)], [0]),
          same('advisory locks left by its starts', locks.length, 0),
          ...counted,
          ...(context.short ? [] : await responderTests(context, postgres, prepared)),
        ],
      }
    },
  }
}

const program = 'pgbouncer (apt install pgbouncer)'

export const pgBouncerUnnamed = drillOf(false, {
  description: 'PgBouncer in transaction mode, of any version, with DATABASE_PREPARED_STATEMENTS=false',
  needs: { program, isInstalled: () => pgBouncerVersion() !== undefined },
})

export const pgBouncerNamed = drillOf(true, {
  description: 'PgBouncer 1.21 or later in transaction mode, with max_prepared_statements',
  needs: { program: 'pgbouncer 1.21 or later (apt install pgbouncer)', isInstalled: knowsNamedStatements },
})

/** Runs the tests of the responder through PgBouncer, one file after another. */
async function responderTests(context: DrillContext, { directory }: EmbeddedPostgres, prepared: boolean) {
  const env = { ...process.env, TEST_PGBOUNCER: String(prepared) }
  const expectations: Expectation[] = []
  for (const test of globSync('test/responder/*.test.ts', { cwd: CHECKOUT }).sort()) {
    const file = join(directory, `${basename(test)}.log`)
    const output = openSync(file, 'a')
    const options = { cwd: CHECKOUT, env, stdout: output, stderr: output }
    const tests = await startChildProcess([process.execPath, 'test/run.ts', test], options)
    closeSync(output)
    context.onEnd(tests.kill)
    const exitCode = await tests.ended
    const log = readFileSync(file, 'utf8')
    const failed = log.match(/^ *not ok .*$/gm) ?? []
    const counts = /^\d+ passed, \d+ failed$/m.exec(log)?.[0] ?? `no summary: ${log.slice(-500)}`
    expectations.push({
      text: [`${test} passes through PgBouncer: ${counts}`, ...failed].join('\n          '),
      isMet: exitCode === 0,
    })
  }
  return expectations
}

/** PgBouncer in transaction mode between the service and Postgres. */
import { closeSync, globSync, openSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { startChildProcess } from '../test/support/child-process.ts'
import { knowsNamedStatements, pgBouncerVersion, startPgBouncer } from '../test/support/pgbouncer.ts'
import type { Drill, Expectation, Scene } from './drill.ts'
import { allAnswered, countedExactly, inTime, same } from './expectations.ts'
import { startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 150
const CHECKOUT = join(import.meta.dirname, '..')

function drillOf(prepared: boolean, drill: Pick<Drill, 'does' | 'needs'>): Drill {
  return {
    ...drill,
    async run(scene) {
      const postgres = await startDatabase(scene)
      const pgBouncer = await startPgBouncer(postgres.url, postgres.directory)
      scene.closing(pgBouncer.stop)
      const env = { DATABASE_PREPARED_STATEMENTS: String(prepared) }
      const start = () => startReplica(scene, postgres, pgBouncer.url, { env })
      const [one, other, restarted] = [await start(), await start(), await start()]
      const calling = [one, other].map(({ jit }) => startCalls(scene, jit, CALLS_A_SECOND))
      const exitCodes: number[] = []
      for (let rounds = scene.short ? 1 : 4; rounds > 0; rounds--) {
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
          allAnswered(scene, calls),
          inTime(calls),
          same('a third replica, restarted meanwhile, ended with exit code', [...new Set(exitCodes)], [0]),
          same('locks that its start left behind', locks.length, 0),
          ...counted,
          ...(scene.short ? [] : await responderTests(scene, postgres, prepared)),
        ],
      }
    },
  }
}

const what = 'pgbouncer (apt install pgbouncer)'

export const pgBouncerUnnamed = drillOf(false, {
  does: 'PgBouncer in transaction mode, of any version, with DATABASE_PREPARED_STATEMENTS=false',
  needs: { what, isThere: () => pgBouncerVersion() !== undefined },
})

export const pgBouncerNamed = drillOf(true, {
  does: 'PgBouncer 1.21 or later in transaction mode, with max_prepared_statements',
  needs: { what: 'pgbouncer 1.21 or later (apt install pgbouncer)', isThere: knowsNamedStatements },
})

/** Runs the responder's tests through a PgBouncer, one file after another. */
async function responderTests(scene: Scene, { directory }: EmbeddedPostgres, prepared: boolean) {
  const env = { ...process.env, TEST_PGBOUNCER: String(prepared) }
  const expectations: Expectation[] = []
  for (const test of globSync('test/responder/*.test.ts', { cwd: CHECKOUT }).sort()) {
    const file = join(directory, `${basename(test)}.log`)
    const output = openSync(file, 'a')
    const options = { cwd: CHECKOUT, env, stdout: output, stderr: output }
    const tests = await startChildProcess([process.execPath, 'test/run.ts', test], options)
    closeSync(output)
    scene.closing(tests.kill)
    const exitCode = await tests.ended
    const said = readFileSync(file, 'utf8')
    const failed = said.match(/^ *not ok .*$/gm) ?? []
    const counts = /^\d+ passed, \d+ failed$/m.exec(said)?.[0] ?? `no end: ${said.slice(-500)}`
    expectations.push({
      what: [`${test} passes through it: ${counts}`, ...failed].join('\n          '),
      holds: exitCode === 0,
    })
  }
  return expectations
}

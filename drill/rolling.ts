/** Two replicas behind nginx are replaced, one after the other, while calls come. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import type { Call } from '../test/support/calls.ts'
import type { Drill, Expectation, Findings, Scene } from './drill.ts'
import { allAnswered, inTime, same } from './expectations.ts'
import { FAIL_TIMEOUT_MS, NGINX, startNginx } from './nginx.ts'
import { type Replica, startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 300
const callsOf = ({ short }: Scene) => (short ? 3000 : 20_000)

async function startTwo(scene: Scene) {
  const postgres = await startDatabase(scene)
  const replicas = [await startReplica(scene, postgres), await startReplica(scene, postgres)]
  const url = await startNginx(scene, postgres, replicas)
  return { postgres, replicas, url }
}

/** As an orchestrator does it: stop one, wait until it is ready again, give the balancer a moment, the next. */
async function replaceEach(replicas: Replica[], checkout?: string): Promise<number[]> {
  const exitCodes: number[] = []
  for (const replica of replicas) {
    exitCodes.push(await replica.stop())
    await replica.start(checkout)
    await pause(FAIL_TIMEOUT_MS)
  }
  return exitCodes
}

/** @param besides what else was expected */
const survived = (
  scene: Scene,
  calls: Call[],
  exitCodes: number[],
  besides: Expectation[] = [],
): Findings => ({
  calls,
  expectations: [
    allAnswered(scene, calls, `each of ${calls.length} calls, through ${exitCodes.length} restarts,`),
    inTime(calls),
    ...besides,
    same('every replaced replica ended with exit code', [...new Set(exitCodes)], [0]),
  ],
})

export const rollingRestart: Drill = {
  does: 'two replicas behind nginx are restarted in turns, again and again',
  needs: NGINX,
  async run(scene) {
    const { replicas, url } = await startTwo(scene)
    const calling = startCalls(scene, url, CALLS_A_SECOND)
    await pause(1000)
    const exitCodes: number[] = []
    do exitCodes.push(...(await replaceEach(replicas)))
    while (calling.made.length < callsOf(scene))
    return survived(scene, await calling.stop(), exitCodes)
  },
}

const ACCOUNTS = 20_000
/** Rewrites one table, and takes both from the lookups for a while: in the order in which those take them. */
const MIGRATION = `
  alter table tratta_jit.debt_accounts
    alter column external_account_number type varchar(300),
    add column drilled_at timestamptz default clock_timestamp();
  alter table tratta_jit.customers alter column name type varchar(300);`

export const liveMigration: Drill = {
  does: 'the same, to a release that brings a migration of the tables being read, and back to the one before',
  needs: NGINX,
  async run(scene) {
    const { postgres, replicas, url } = await startTwo(scene)
    await query(
      postgres.url,
      `insert into tratta_jit.debt_accounts (external_id, balance)
       select 'drill-' || n, n from generate_series(1, ${ACCOUNTS}) n`,
    )
    const before = await replicas[0]!.ask()
    const release = nextRelease(postgres)
    const calling = startCalls(scene, url, CALLS_A_SECOND)
    await pause(1000)
    const exitCodes = await replaceEach(replicas, release)
    const migrated = replicas.flatMap(({ log }) => log().filter(({ name }) => name === '9999-drill'))
    const after = await replicas[0]!.ask()
    while (calling.made.length < callsOf(scene)) exitCodes.push(...(await replaceEach(replicas)))
    return survived(scene, await calling.stop(), exitCodes, [
      same(`replicas that ran the migration, over ${ACCOUNTS} accounts`, migrated.length, 1),
      { what: 'the new release gives the same answer as the old one', holds: before === after },
    ])
  },
}

/** A second checkout, with one more migration. */
function nextRelease({ directory }: EmbeddedPostgres): string {
  const [checkout, release] = [join(import.meta.dirname, '..'), join(directory, 'next-release')]
  mkdirSync(release)
  for (const part of ['src', 'migrations', 'package.json'])
    cpSync(join(checkout, part), join(release, part), { recursive: true })
  symlinkSync(join(checkout, 'node_modules'), join(release, 'node_modules'))
  writeFileSync(join(release, 'migrations/9999-drill.sql'), MIGRATION)
  return release
}

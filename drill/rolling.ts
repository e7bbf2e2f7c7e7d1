/** Two replicas behind nginx are replaced one after the other during calls. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import type { Call } from '../test/support/calls.ts'
import type { Drill, DrillContext, DrillResult, Expectation } from './drill.ts'
import { allAnswered, inTime, same } from './expectations.ts'
import { FAIL_TIMEOUT_MS, NGINX, startNginx } from './nginx.ts'
import { type Replica, startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 300
const callsOf = ({ short }: DrillContext) => (short ? 3000 : 20_000)

async function startTwo(context: DrillContext) {
  const postgres = await startDatabase(context)
  const replicas = [await startReplica(context, postgres), await startReplica(context, postgres)]
  const url = await startNginx(context, postgres, replicas)
  return { postgres, replicas, url }
}

/** Stops a replica, waits until it is ready again, waits for nginx, then continues with the next, like Kubernetes. */
async function replaceEach(replicas: Replica[], checkout?: string): Promise<number[]> {
  const exitCodes: number[] = []
  for (const replica of replicas) {
    exitCodes.push(await replica.stop())
    await replica.start(checkout)
    await pause(FAIL_TIMEOUT_MS)
  }
  return exitCodes
}

/** @param others further expectations */
const restartResult = (
  context: DrillContext,
  calls: Call[],
  exitCodes: number[],
  others: Expectation[] = [],
): DrillResult => ({
  calls,
  expectations: [
    allAnswered(context, calls, `each of ${calls.length} calls, through ${exitCodes.length} restarts,`),
    inTime(calls),
    ...others,
    same('exit codes of the replaced replicas', [...new Set(exitCodes)], [0]),
  ],
})

export const rollingRestart: Drill = {
  description: 'two replicas behind nginx restart in turns, repeatedly',
  needs: NGINX,
  async run(context) {
    const { replicas, url } = await startTwo(context)
    const calling = startCalls(context, url, CALLS_PER_SECOND)
    await pause(1000)
    const exitCodes: number[] = []
    do exitCodes.push(...(await replaceEach(replicas)))
    while (calling.made.length < callsOf(context))
    return restartResult(context, await calling.stop(), exitCodes)
  },
}

const ACCOUNTS = 20_000
/** Rewrites one table and locks both, in the order in which a lookup locks them. */
const MIGRATION = `
  alter table tratta_jit.debt_accounts
    alter column external_account_number type varchar(300),
    add column drilled_at timestamptz default clock_timestamp();
  alter table tratta_jit.customers alter column name type varchar(300);`

export const liveMigration: Drill = {
  description: 'the same, with an upgrade whose migration rewrites the tables being read, then a rollback',
  needs: NGINX,
  async run(context) {
    const { postgres, replicas, url } = await startTwo(context)
    await query(
      postgres.url,
      `insert into tratta_jit.debt_accounts (external_id, balance)
       select 'drill-' || n, n from generate_series(1, ${ACCOUNTS}) n`,
    )
    const before = await replicas[0]!.answer()
    const release = nextRelease(postgres)
    const calling = startCalls(context, url, CALLS_PER_SECOND)
    await pause(1000)
    const exitCodes = await replaceEach(replicas, release)
    const migrated = replicas.flatMap(({ log }) => log().filter(({ name }) => name === '9999-drill'))
    const after = await replicas[0]!.answer()
    while (calling.made.length < callsOf(context)) exitCodes.push(...(await replaceEach(replicas)))
    return restartResult(context, await calling.stop(), exitCodes, [
      same(`replicas that ran the migration of ${ACCOUNTS} accounts`, migrated.length, 1),
      { text: 'the new release gives the same answer as the old one', isMet: before === after },
    ])
  },
}

/** A second checkout with one more migration. */
function nextRelease({ directory }: EmbeddedPostgres): string {
  const [checkout, release] = [join(import.meta.dirname, '..'), join(directory, 'next-release')]
  mkdirSync(release)
  for (const part of ['src', 'migrations', 'package.json'])
    cpSync(join(checkout, part), join(release, part), { recursive: true })
  symlinkSync(join(checkout, 'node_modules'), join(release, 'node_modules'))
  writeFileSync(join(release, 'migrations/9999-drill.sql'), MIGRATION)
  return release
}

/** The primary is killed, and its streaming replica answers until its data is older than the bound. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Drill } from './drill.ts'
import { inTime, noneFailed, recoversInTime, same } from './expectations.ts'
import { startReplica } from './replica.ts'
import { isAnswered, isUnavailable } from './row.ts'
import { query, startCalls, startDatabase } from './setup.ts'
import { startStandby } from './standby.ts'

const CALLS_PER_SECOND = 200
/** The call log commits several times a second, so that the last commit is this close to the kill. */
const MARGIN_MS = 1500

export const replicaFallback: Drill = {
  description: 'the primary is killed; its replica answers until its data is older than the bound',
  async run(context) {
    const maxLagMs = context.short ? 4000 : 8000
    const primary = await startDatabase(context)
    const standby = await startStandby(context, primary)
    const replica = await startReplica(context, primary, primary.url, {
      env: { DATABASE_REPLICA_URL: standby.url, DATABASE_REPLICA_MAX_LAG_MS: String(maxLagMs) },
    })
    const calling = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    await pause(2000)
    await query(
      primary.url,
      "update tratta_jit.debt_accounts set current_balance = 4711 where external_id = 'A-500100'",
    )
    await standby.caughtUp()
    const killed = performance.now()
    primary.signal('SIGKILL')
    await pause(maxLagMs / 2)
    const ready = await replica.health('ready')
    const answer = await replica.answer()
    await pause(maxLagMs / 2 + MARGIN_MS)
    const staleSince = performance.now()
    await pause(context.short ? 2000 : 5000)
    const restarting = performance.now()
    await primary.start()
    const restarted = performance.now()
    await pause(context.short ? 3000 : 5000)
    const calls = await calling.stop()
    const between = (from: number, to: number) => calls.filter(({ at, ms }) => at >= from && at + ms < to)
    const fresh = between(killed + MARGIN_MS / 2, killed + maxLagMs - MARGIN_MS)
    const stale = between(staleSince, restarting)
    const uses = replica.log().flatMap(({ replica: use }) => (use ? [use] : []))
    return {
      calls,
      faultEnded: restarted,
      expectations: [
        noneFailed(calls),
        inTime(calls),
        {
          text: `the replica answers all of ${fresh.length} calls below the bound`,
          isMet: fresh.length > 100 && fresh.every(isAnswered),
        },
        {
          text: `none of ${stale.length} calls beyond the bound is answered with 200`,
          isMet: stale.length > 100 && stale.every(isUnavailable),
        },
        same('status of ready below the bound', ready, 200),
        {
          text: 'the answer of the replica has the last change of a balance',
          isMet: answer.includes('4711'),
        },
        same('log lines mark what the replica did', [...new Set(uses)].sort(), ['stale', 'used']),
        recoversInTime(context, calls, restarted, 'the restart'),
      ],
    }
  },
}

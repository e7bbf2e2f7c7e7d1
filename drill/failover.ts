/** The primary behind HAProxy is killed, and its streaming replica is promoted. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Drill } from './drill.ts'
import { countedExactly, inTime, noneFailed, recoversInTime, same, someUnavailable } from './expectations.ts'
import { HAPROXY, startHaproxy } from './haproxy.ts'
import { startReplica } from './replica.ts'
import { isAnswered } from './row.ts'
import { query, startCalls, startDatabase } from './setup.ts'
import { startStandby } from './standby.ts'

const CALLS_PER_SECOND = 200
/** The time in which a cluster manager detects the failure and decides. */
const DECISION_MS = 3000

export const failover: Drill = {
  description: 'the primary behind HAProxy is killed; three seconds later its streaming replica is promoted',
  needs: HAPROXY,
  async run(context) {
    const primary = await startDatabase(context)
    const standby = await startStandby(context, primary)
    const url = await startHaproxy(context, primary, [primary.url, standby.url])
    const replica = await startReplica(context, primary, url)
    const change = "update tratta_jit.debt_accounts set current_balance = 4711 where external_id = 'A-500100'"
    await query(primary.url, change)
    await standby.caughtUp()
    const before = await replica.answer()
    const calling = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    await pause(context.short ? 1000 : 5000)
    const killed = performance.now()
    primary.signal('SIGKILL')
    await pause(DECISION_MS)
    const ready = await replica.health('ready')
    await query(standby.url, 'select pg_promote(true, 30)')
    const promoted = performance.now()
    await pause(context.short ? 3000 : 10_000)
    const calls = await calling.stop()
    const counted = await countedExactly(replica, calls, 1)
    const callsBefore = calls.filter(({ at, ms }) => at + ms < killed)
    return {
      calls,
      faultEnded: promoted,
      expectations: [
        noneFailed(calls),
        someUnavailable(calls),
        inTime(calls),
        same(
          'calls not answered with 200 before the kill',
          callsBefore.filter((call) => !isAnswered(call)).length,
          0,
        ),
        same('status of ready between the kill and the promotion', ready, 503),
        recoversInTime(context, calls, promoted, 'the promotion'),
        {
          text: 'the answer is the same, with the last change of a balance',
          isMet: before.includes('4711') && before === (await replica.answer()),
        },
        same('the service has ended', replica.hasEnded(), false),
        counted,
      ],
    }
  },
}

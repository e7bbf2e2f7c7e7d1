/** The primary is lost behind HAProxy, and a streaming replica takes its place. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Drill } from './drill.ts'
import { countedExactly, inTime, noneFailed, same, someRefused, wellAgain } from './expectations.ts'
import { HAPROXY, startHaproxy } from './haproxy.ts'
import { startReplica } from './replica.ts'
import { isAnswered } from './row.ts'
import { query, startCalls, startDatabase } from './stage.ts'
import { startStandby } from './standby.ts'

const CALLS_A_SECOND = 200
/** What those who watch over Postgres take to be sure, and to decide. */
const DECISION_MS = 3000

export const failover: Drill = {
  does: 'the primary is lost behind HAProxy; three seconds later its streaming replica is promoted',
  needs: HAPROXY,
  async run(scene) {
    const primary = await startDatabase(scene)
    const standby = await startStandby(scene, primary)
    const url = await startHaproxy(scene, primary, [primary.url, standby.url])
    const replica = await startReplica(scene, primary, url)
    const change = "update tratta_jit.debt_accounts set current_balance = 4711 where external_id = 'A-500100'"
    await query(primary.url, change)
    await standby.caughtUp()
    const before = await replica.ask()
    const calling = startCalls(scene, replica.jit, CALLS_A_SECOND)
    await pause(scene.short ? 1000 : 5000)
    const lost = performance.now()
    primary.signal('SIGKILL')
    await pause(DECISION_MS)
    const ready = await replica.health('ready')
    await query(standby.url, 'select pg_promote(true, 30)')
    const promoted = performance.now()
    await pause(scene.short ? 3000 : 10_000)
    const calls = await calling.stop()
    const counted = await countedExactly(replica, calls, 1)
    const overBefore = calls.filter(({ at, ms }) => at + ms < lost)
    return {
      calls,
      faultEnded: promoted,
      expectations: [
        noneFailed(calls),
        someRefused(calls),
        inTime(calls),
        same('refused before the loss', overBefore.filter((call) => !isAnswered(call)).length, 0),
        same('between the loss and the promotion ready answered', ready, 503),
        wellAgain(scene, calls, promoted, 'the promotion'),
        {
          what: 'the answer is the same, down to the last change of a balance',
          holds: before.includes('4711') && before === (await replica.ask()),
        },
        same('the service, never restarted, has ended', replica.hasEnded(), false),
        counted,
      ],
    }
  },
}

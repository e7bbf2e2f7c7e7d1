/** Little memory, and more calls than can be answered. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Drill } from './drill.ts'
import { countedExactly, inTime, noneFailed, someRefused, wellAgain } from './expectations.ts'
import { startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 400
const HEAP_MB = 64
/** What a container may be given: the heap, and what Node takes beside it. */
const MOST_MB = 256

/** 2 connections and 10 ms a lookup: half of the calls at most. */
const SLOW_VIEWS = `
  create schema slow;
  create view slow.customers as select * from tratta_jit.customers;
  create view slow.locations as select * from tratta_jit.locations;
  create view slow.debt_accounts as
    select account.* from tratta_jit.debt_accounts account,
      pg_sleep(case parent_external_id when 'x' then 0 else 0.01 end)`

export const memoryLimit: Drill = {
  does: `a heap of ${HEAP_MB} MB, and ${CALLS_A_SECOND} calls a second to a database that answers half of them`,
  needs: { what: '/proc (Linux only)', isThere: () => process.platform === 'linux' },
  async run(scene) {
    const postgres = await startDatabase(scene)
    await query(postgres.url, SLOW_VIEWS)
    const env = {
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
      DATABASE_SCHEMA: 'slow',
      DATABASE_POOL_SIZE: '2',
    }
    const replica = await startReplica(scene, postgres, postgres.url, { env })
    const flood = startCalls(scene, replica.jit, CALLS_A_SECOND)
    await pause(scene.short ? 4000 : 30_000)
    const flooded = await flood.stop()
    const faultEnded = performance.now()
    const calm = startCalls(scene, replica.jit, 20)
    await pause(1500)
    const calls = [...flooded, ...(await calm.stop())]
    const { most: peak } = replica.memory()
    return {
      calls,
      faultEnded,
      expectations: [
        noneFailed(calls),
        someRefused(calls),
        inTime(calls),
        { what: `the most memory that it held, under ${MOST_MB} MB: ${peak} MB`, holds: peak < MOST_MB },
        wellAgain(scene, calls, faultEnded, 'the flood'),
        await countedExactly(replica, calls),
      ],
    }
  },
}

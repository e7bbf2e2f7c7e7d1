/** A small heap, and more calls than can be answered. */
import { setTimeout as pause } from 'node:timers/promises'
import { SLOW_VIEWS } from '../test/support/slow-views.ts'
import type { Drill } from './drill.ts'
import { faultResult } from './expectations.ts'
import { startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 400
const HEAP_MB = 64
/** The memory of a container: the heap, and the other memory of Node. */
const MAX_MB = 256

export const memoryLimit: Drill = {
  description: `a heap of ${HEAP_MB} MB, and ${CALLS_PER_SECOND} calls a second to a database that answers at most half of them`,
  needs: { program: '/proc (Linux only)', isInstalled: () => process.platform === 'linux' },
  async run(context) {
    const postgres = await startDatabase(context)
    await query(postgres.url, SLOW_VIEWS)
    const env = {
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
      DATABASE_SCHEMA: 'slow',
      DATABASE_POOL_SIZE: '2',
    }
    const replica = await startReplica(context, postgres, postgres.url, { env })
    const overload = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    await pause(context.short ? 4000 : 30_000)
    const overloadCalls = await overload.stop()
    const faultEnded = performance.now()
    const normal = startCalls(context, replica.jitUrl, 20)
    await pause(1500)
    const calls = [...overloadCalls, ...(await normal.stop())]
    const { peak } = replica.memory()
    return faultResult(
      context,
      replica,
      { calls, faultEnded },
      { text: `peak memory under ${MAX_MB} MB: ${peak} MB`, isMet: peak < MAX_MB },
      'the overload',
    )
  },
}

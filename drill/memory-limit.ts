/** Little memory, and more calls than can be answered. */
import { setTimeout as pause } from 'node:timers/promises'
import { SLOW_VIEWS } from '../test/support/slow-views.ts'
import type { Drill } from './drill.ts'
import { withstood } from './expectations.ts'
import { startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 400
const HEAP_MB = 64
/** What a container may be given: the heap, and what Node takes beside it. */
const MOST_MB = 256

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
    return withstood(
      scene,
      replica,
      { calls, faultEnded },
      { what: `the most memory that it held, under ${MOST_MB} MB: ${peak} MB`, holds: peak < MOST_MB },
      'the flood',
    )
  },
}

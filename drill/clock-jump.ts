/** The clock of the machine is set. */
import { globSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Drill } from './drill.ts'
import { allAnswered, countedExactly, inTime } from './expectations.ts'
import { type Replica, startReplica } from './replica.ts'
import { startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 200
const HOUR_MS = 3_600_000
const sharedMemory = () => globSync('/dev/shm/*faketime_*')
const [LIBRARY] = globSync('/usr/lib/*/faketime/libfaketime.so.1')

export const clockJump: Drill = {
  does: 'the clock jumps a day ahead, then two days back, while calls come',
  needs: { what: 'libfaketime (apt install faketime)', isThere: () => LIBRARY !== undefined },
  async run(scene) {
    const postgres = await startDatabase(scene)
    const file = join(postgres.directory, 'offset')
    const jump = (offset: string) => writeFileSync(file, offset)
    jump('+0')
    const env = {
      LD_PRELOAD: LIBRARY!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      // Who sets a clock does not set the one that only runs on.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    // The library's own shared memory stays behind where a process is killed. This runs after that.
    const before = sharedMemory()
    scene.closing(() => {
      for (const left of sharedMemory()) if (!before.includes(left)) rmSync(left, { force: true })
    })
    const replica = await startReplica(scene, postgres, postgres.url, { env })
    const calling = startCalls(scene, replica.jit, CALLS_A_SECOND)
    const stayMs = scene.short ? 2000 : 8000
    const seen: number[] = []
    for (const offset of ['+0', '+1d', '-1d', '+0']) {
      jump(offset)
      await pause(stayMs)
      seen.push(hoursAhead(replica))
    }
    const calls = await calling.stop()
    return {
      calls,
      expectations: [
        {
          what: `hours that the log's clock was ahead: ${seen.join(', ')}`,
          holds: seen.join() === '0,24,-24,0',
        },
        allAnswered(scene, calls),
        inTime(calls),
        await countedExactly(replica, calls),
      ],
    }
  },
}

/** By the last line of its log. */
function hoursAhead(replica: Replica) {
  const time = Date.parse(String(replica.log().at(-1)?.time))
  return Math.round((time - Date.now()) / HOUR_MS)
}

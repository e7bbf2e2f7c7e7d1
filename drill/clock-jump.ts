/** The system clock is set to another time. */
import { globSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Drill } from './drill.ts'
import { allAnswered, countedExactly, inTime } from './expectations.ts'
import { type Replica, startReplica } from './replica.ts'
import { startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 200
const HOUR_MS = 3_600_000
const sharedMemory = () => globSync('/dev/shm/*faketime_*')
const [LIBRARY] = globSync('/usr/lib/*/faketime/libfaketime.so.1')

export const clockJump: Drill = {
  description: 'the clock jumps a day ahead, then two days back, during calls',
  needs: { program: 'libfaketime (apt install faketime)', isInstalled: () => LIBRARY !== undefined },
  async run(context) {
    const postgres = await startDatabase(context)
    const file = join(postgres.directory, 'offset')
    const jump = (offset: string) => writeFileSync(file, offset)
    jump('+0')
    const env = {
      LD_PRELOAD: LIBRARY!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      // Setting the system clock does not change the monotonic clock.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    // A killed process leaves the shared memory of the library. This cleanup runs after the process is killed.
    const before = sharedMemory()
    context.onEnd(() => {
      for (const left of sharedMemory()) if (!before.includes(left)) rmSync(left, { force: true })
    })
    const replica = await startReplica(context, postgres, postgres.url, { env })
    const calling = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    const stayMs = context.short ? 2000 : 8000
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
          text: `hours by which the clock of the log was ahead: ${seen.join(', ')}`,
          isMet: seen.join() === '0,24,-24,0',
        },
        allAnswered(context, calls),
        inTime(calls),
        await countedExactly(replica, calls),
      ],
    }
  },
}

/** Reads the clock from the last line of the log. */
function hoursAhead(replica: Replica) {
  const time = Date.parse(String(replica.log().at(-1)?.time))
  return Math.round((time - Date.now()) / HOUR_MS)
}

/** There is no room for the log. */
import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { installed } from '../test/support/external-program.ts'
import type { Drill } from './drill.ts'
import { allAnswered, countedExactly, inTime, same } from './expectations.ts'
import { startReplica } from './replica.ts'
import { startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 200

export const fullLogDisk: Drill = {
  does: 'the log file may not grow (prlimit), later it may; a second replica logs to /dev/full from start to end',
  needs: {
    what: 'prlimit (apt install util-linux; Linux only)',
    isThere: () => installed('prlimit') !== undefined,
  },
  async run(scene) {
    const postgres = await startDatabase(scene)
    const replica = await startReplica(scene, postgres)
    const unheard = await startReplica(scene, postgres, postgres.url, { output: '/dev/full' })
    const limitFiles = (most: string) =>
      execFileSync('prlimit', ['--pid', String(replica.pid()), `--fsize=${most}:`])
    const toReplica = startCalls(scene, replica.jit, CALLS_A_SECOND)
    const toUnheard = startCalls(scene, unheard.jit, CALLS_A_SECOND)
    await pause(1000)
    limitFiles('0')
    await pause(500)
    const [linesBefore, memoryBefore] = [replica.log().length, replica.memory().now]
    await pause(scene.short ? 3000 : 20_000)
    const [linesMeanwhile, memoryAfter] = [replica.log().length, replica.memory().now]
    limitFiles('unlimited')
    await pause(1500)
    const written = replica.log().length - linesMeanwhile
    const [made, unheardMade] = await Promise.all([toReplica.stop(), toUnheard.stop()])
    const calls = [...made, ...unheardMade]
    const counted = [await countedExactly(replica, made), await countedExactly(unheard, unheardMade)]
    const exitCode = await unheard.stop()
    return {
      calls,
      expectations: [
        allAnswered(scene, calls),
        inTime(calls),
        same('lines written while there was no room', linesMeanwhile - linesBefore, 0),
        { what: `and once there was room again: ${written}`, holds: written > 0 },
        {
          what: `memory does not grow with what could not be written: ${memoryBefore} MB, then ${memoryAfter} MB`,
          holds: memoryAfter < memoryBefore + 100,
        },
        same('without any room for its log a replica ends with exit code', exitCode, 0),
        ...counted,
      ],
    }
  },
}

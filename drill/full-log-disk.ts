/** The disk of the log is full. */
import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { installed } from '../test/support/external-program.ts'
import type { Drill } from './drill.ts'
import { allAnswered, countedExactly, inTime, same } from './expectations.ts'
import { startReplica } from './replica.ts'
import { startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 200

export const fullLogDisk: Drill = {
  description: 'the log file cannot grow for a while (prlimit); a second replica always logs to /dev/full',
  needs: {
    program: 'prlimit (apt install util-linux; Linux only)',
    isInstalled: () => installed('prlimit') !== undefined,
  },
  async run(context) {
    const postgres = await startDatabase(context)
    const replica = await startReplica(context, postgres)
    const full = await startReplica(context, postgres, postgres.url, { output: '/dev/full' })
    const limitFileSize = (max: string) =>
      execFileSync('prlimit', ['--pid', String(replica.pid()), `--fsize=${max}:`])
    const toReplica = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    const toFull = startCalls(context, full.jitUrl, CALLS_PER_SECOND)
    await pause(1000)
    limitFileSize('0')
    await pause(500)
    const [linesBefore, memoryBefore] = [replica.log().length, replica.memory().now]
    await pause(context.short ? 3000 : 20_000)
    const [linesMeanwhile, memoryAfter] = [replica.log().length, replica.memory().now]
    limitFileSize('unlimited')
    await pause(1500)
    const written = replica.log().length - linesMeanwhile
    const [made, fullCalls] = await Promise.all([toReplica.stop(), toFull.stop()])
    const calls = [...made, ...fullCalls]
    const counted = [await countedExactly(replica, made), await countedExactly(full, fullCalls)]
    const exitCode = await full.stop()
    return {
      calls,
      expectations: [
        allAnswered(context, calls),
        inTime(calls),
        same('lines written while the file could not grow', linesMeanwhile - linesBefore, 0),
        { text: `lines written afterwards: ${written}`, isMet: written > 0 },
        {
          text: `memory does not grow with the unwritten log: ${memoryBefore} MB, then ${memoryAfter} MB`,
          isMet: memoryAfter < memoryBefore + 100,
        },
        same('exit code of the replica that logs to /dev/full', exitCode, 0),
        ...counted,
      ],
    }
  },
}

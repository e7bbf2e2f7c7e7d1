/** Somebody guesses secrets, from the very address from which Tratta calls. */
import { setTimeout as pause } from 'node:timers/promises'
import { tally } from '../test/support/calls.ts'
import type { Drill } from './drill.ts'
import { allAnswered, inTime, same } from './expectations.ts'
import { startReplica } from './replica.ts'
import { isAnswered } from './row.ts'
import { startCalls, startDatabase } from './stage.ts'

const CALLS_A_SECOND = 200
const GUESSES_A_SECOND = 100

export const guessingSecrets: Drill = {
  does: `${GUESSES_A_SECOND} wrong secrets a second, from the address of the good calls`,
  async run(scene) {
    const postgres = await startDatabase(scene)
    const replica = await startReplica(scene, postgres)
    const calling = startCalls(scene, replica.jit, CALLS_A_SECOND)
    const guessing = startCalls(scene, replica.guess, GUESSES_A_SECOND)
    await pause(scene.short ? 3000 : 20_000)
    const guesses = await guessing.stop()
    const calls = await calling.stop()
    const { answered, wrong_secret, too_many_guesses } = await replica.counts()
    return {
      calls,
      expectations: [
        allAnswered(scene, calls),
        inTime(calls),
        same('of the guesses ten were answered 404, the others 429', tally(guesses), {
          404: 10,
          429: guesses.length - 10,
        }),
        same(
          'the metrics counted what was made (answered, wrong, limited)',
          [answered, wrong_secret, too_many_guesses],
          [calls.filter(isAnswered).length, 10, guesses.length - 10],
        ),
      ],
    }
  },
}

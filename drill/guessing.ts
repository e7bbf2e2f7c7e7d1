/** A client guesses secrets from the address of the valid calls. */
import { setTimeout as pause } from 'node:timers/promises'
import { tally } from '../test/support/calls.ts'
import type { Drill } from './drill.ts'
import { allAnswered, inTime, same } from './expectations.ts'
import { startReplica } from './replica.ts'
import { isAnswered } from './row.ts'
import { startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 200
const GUESSES_PER_SECOND = 100

export const guessingSecrets: Drill = {
  description: `${GUESSES_PER_SECOND} wrong secrets a second, from the address of the valid calls`,
  async run(context) {
    const postgres = await startDatabase(context)
    const replica = await startReplica(context, postgres)
    const calling = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    const guessing = startCalls(context, replica.wrongSecretUrl, GUESSES_PER_SECOND)
    await pause(context.short ? 3000 : 20_000)
    const guesses = await guessing.stop()
    const calls = await calling.stop()
    const { answered, wrong_secret, too_many_guesses } = await replica.counts()
    return {
      calls,
      expectations: [
        allAnswered(context, calls),
        inTime(calls),
        same('ten wrong secrets get 404, all others 429', tally(guesses), {
          404: 10,
          429: guesses.length - 10,
        }),
        same(
          'the metrics counted each call (answered, wrong_secret, too_many_guesses)',
          [answered, wrong_secret, too_many_guesses],
          [calls.filter(isAnswered).length, 10, guesses.length - 10],
        ),
      ],
    }
  },
}

/** A push that is killed repeatedly, while Tratta loses answers and rejects rows. */
import type { ChildProcess } from 'node:child_process'
import { hash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import type { TestDatabase } from '../support/database.ts'
import { program, run } from '../support/program.ts'
import { rowsOf } from './portfolio.ts'
import { bulkSettings, type Tratta } from './tratta.ts'

const LONGEST_MS = 1200
/** FUZZ_SEED repeats the moments of a run. */
const SEED = Number(process.env.FUZZ_SEED ?? 1)

/** From 0 to 1, by the seed. */
const random = (kill: number) => Number.parseInt(hash('sha256', `${SEED}:${kill}`).slice(0, 8), 16) / 2 ** 32

/** Once a push sends. */
async function moved(database: TestDatabase, push: ChildProcess) {
  const posts = async () =>
    (
      await database.query('select coalesce(sum(attempts), 0)::int as posts from tratta_jit.bulk_requests')
    )[0]!.posts
  for (const before = await posts(); push.exitCode === null && (await posts()) === before; ) await pause(20)
}

export async function killedPush(
  t: Test,
  database: TestDatabase,
  tratta: Tratta,
  { kills, customers }: { kills: number; customers: number },
) {
  await tratta.configure({ lostResponses: 0.02, rejectedRows: 0.01, bulkDelayMs: 20 })
  const settings = { ...bulkSettings(database, tratta), TRATTA_BULK_BYTES: '300000' }
  // So slow that there is something left to do at the last of them.
  const env = { ...settings, TRATTA_REQUESTS_PER_MINUTE: String(Math.round((customers / 250 / kills) * 60)) }
  // Each of them has time for a share of the requests.
  const states: Record<string, number> = {}
  for (let kill = 0; kill < kills; kill++) {
    const pushing = program(t, ['bulk', 'push', '--json'], env)
    // Some while they start, most while they send.
    if (kill % 5 > 0) await moved(database, pushing.process)
    await pause(random(kill) * LONGEST_MS)
    pushing.process.kill('SIGKILL')
    const { code } = await pushing.ended
    if (code !== null) throw new Error(`it ended by itself: ${code} ${pushing.stdout()} ${pushing.stderr()}`)
    const left = await database.query('select state, count(*) from tratta_jit.bulk_requests group by 1')
    for (const { state } of left) states[String(state)] = (states[String(state)] ?? 0) + 1
  }
  // Whatever the kills met, this one meets answers that are lost.
  await tratta.injectFaults({ kind: 'lost_response', times: 6, path: '/bulk' })
  const { code, stdout, stderr } = await run(t, ['bulk', 'push', '--json'], settings)
  const [{ uncertain, posts, rows } = {}] = await database.query(
    `select count(*) filter (where maybe_accepted)::int as uncertain, sum(attempts)::int as posts,
       (sum(row_count * (attempts - 1)) filter (where maybe_accepted))::int as rows from tratta_jit.bulk_requests`,
  )
  // Of a request whose fate was known no row came twice.
  const twice = (await tratta.accepted()).rows - rowsOf(customers)
  const last = stdout.trim().split('\n').at(-1)
  return { seed: SEED, code, last, stderr, seen: states, uncertain, posts, twice, mayComeTwice: Number(rows) }
}

/** A push that is killed repeatedly, while Tratta loses answers and rejects rows. */
import type { ChildProcess } from 'node:child_process'
import { hash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import type { TestDatabase } from '../support/database.ts'
import { program, run } from '../support/program.ts'
import { rowsOf } from './seed-portfolio.ts'
import { bulkSettings } from './start-bulk.ts'
import type { Tratta } from './start-tratta.ts'

const MAX_MS = 1200
/** FUZZ_SEED selects the moments of the kills. */
const SEED = Number(process.env.FUZZ_SEED ?? 1)

/** @returns a number from 0 to 1 that depends on the seed */
const random = (kill: number) => Number.parseInt(hash('sha256', `${SEED}:${kill}`).slice(0, 8), 16) / 2 ** 32

/** Resolves when the push has sent a request, or has ended. */
async function hasSent(database: TestDatabase, push: ChildProcess) {
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
  tratta.configure({ lostResponses: 0.02, rejectedRows: 0.01, bulkDelayMs: 20 })
  const settings = { ...bulkSettings(database, tratta), TRATTA_BULK_BYTES: '300000' }
  // Half of the rate at which all requests would be sent before the last kill: some remain for the last push.
  const env = { ...settings, TRATTA_REQUESTS_PER_MINUTE: String(Math.round((customers / 250 / kills) * 30)) }
  const states: Record<string, number> = {}
  for (let kill = 0; kill < kills; kill++) {
    const pushing = program(t, ['bulk', 'push', '--json'], env)
    // One push in five is killed while it starts, the others while they send.
    if (kill % 5 > 0) await hasSent(database, pushing.process)
    await pause(random(kill) * MAX_MS)
    pushing.process.kill('SIGKILL')
    const { code } = await pushing.ended
    if (code !== null)
      throw new Error(`the push ended before the kill: ${code} ${pushing.stdout()} ${pushing.stderr()}`)
    const left = await database.query('select state, count(*) from tratta_jit.bulk_requests group by 1')
    for (const { state } of left) states[String(state)] = (states[String(state)] ?? 0) + 1
  }
  // The last push loses answers in every run.
  await tratta.injectFaults({ kind: 'lost_response', times: 6, path: '/bulk' })
  const { code, stdout, stderr } = await run(t, ['bulk', 'push', '--json'], settings)
  const [{ uncertain, posts, rows } = {}] = await database.query(
    `select count(*) filter (where maybe_accepted)::int as uncertain, sum(attempts)::int as posts,
       (sum(row_count * (attempts - 1)) filter (where maybe_accepted))::int as rows from tratta_jit.bulk_requests`,
  )
  // Only rows of requests whose result was unknown may arrive twice.
  const twice = tratta.accepted().rows - rowsOf(customers)
  const last = stdout.trim().split('\n').at(-1)
  return { seed: SEED, code, last, stderr, seen: states, uncertain, posts, twice, mayComeTwice: Number(rows) }
}

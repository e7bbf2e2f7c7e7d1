/** The call log during a failure of Postgres. */
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { startEmbeddedPostgres } from '../../src/development/embedded-postgres.ts'
import { call, callAtRate } from '../support/calls.ts'
import { SECRET, type Service, service } from '../support/program.ts'

const urlOf = ({ url }: Service, id: string) => `${url}/jit/${SECRET}?debt_account_external_id=${id}`

t.test(
  'Postgres is killed under 200 calls a second: each call is stored, or counted as dropped',
  async (t) => {
    const postgres = await startEmbeddedPostgres()
    t.teardown(() => postgres.stop())
    const running = await service(t, postgres.url)
    const calling = callAtRate(urlOf(running, 'nobody'), 200)
    await pause(1500)
    postgres.signal('SIGKILL')
    await running.line(({ event }) => event === 'call_log_delayed')
    // More than the queue holds.
    const agent = new http.Agent({ keepAlive: true, maxSockets: 50 })
    let made = 0
    for (let round = 0; round < 12; round++) {
      const calls = await Promise.all(Array.from({ length: 1000 }, () => call(urlOf(running, ''), agent)))
      made += calls.filter(({ status }) => status === 400).length
    }
    agent.destroy()
    await postgres.start()
    await running.line(({ event }) => event === 'call_log_resumed')
    await pause(1000)
    const calls = await calling.stop()
    t.ok(
      calls.every(({ status }) => status !== undefined),
      'each call is answered',
    )
    made += calls.length
    running.process.kill('SIGINT')
    await running.ended
    const client = new pg.Client(postgres.url)
    await client.connect()
    const { rows } = await client.query<{ stored: number; distinct: number }>(
      'select count(*)::int as stored, count(distinct request_id)::int as distinct from tratta_jit.calls',
    )
    await client.end()
    const lines = running
      .lines()
      .flatMap(({ event, calls }) => (event === 'call_log_dropped' ? [Number(calls)] : []))
    const lost = lines.reduce((sum, count) => sum + count, 0)
    t.ok(lost > 1000, `${lost} dropped of ${made}`)
    t.equal(rows[0]!.stored + lost, made)
    t.equal(rows[0]!.distinct, rows[0]!.stored)
  },
)

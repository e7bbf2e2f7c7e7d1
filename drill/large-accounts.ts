/** Accounts with many invalid fields, and large answers in the memory of a container. */
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { type Call, call, percentile } from '../test/support/calls.ts'
import type { Drill } from './drill.ts'
import { allAnswered, countedExactly, inTime, noneFailed } from './expectations.ts'
import { canLimitMemory, createMemoryCgroup } from './memory-cgroup.ts'
import { startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './setup.ts'

const CHILDREN = 5000
const FAMILY_CALLS = 10
const CALLS_PER_SECOND = 100
const MAX_FAMILY_MS = 300
const MAX_P99_MS = 100
/** On a busy machine. */
const SHORT_FACTOR = 10

/** A schema without constraints, so that the account can have invalid fields. */
const INVALID_FIELDS = `
  create schema agency;
  create table agency.debt_accounts as
    select external_id::text, parent_external_id::text, customer_external_id::text, location_external_id::text,
      balance::bigint, current_balance::bigint, locations, payment_plan, metadata::jsonb
    from tratta_jit.debt_accounts;
  create view agency.customers as select * from tratta_jit.customers;
  create view agency.locations as select * from tratta_jit.locations;
  insert into agency.debt_accounts (external_id, parent_external_id, balance, payment_plan, metadata, locations)
    select case n when 0 then 'family' else 'family-' || n end, case when n > 0 then 'family' end, 100,
      case when n > 0 then '{"frequency": "daily"}'::jsonb end, case when n > 0 then '{"a": [1], "b": "ok"}'::jsonb end,
      case when n > 0 then '[{"name": "X", "type": "x"}]'::jsonb end
    from generate_series(0, ${CHILDREN}) n;
  create index on agency.debt_accounts (external_id);
  create index on agency.debt_accounts (parent_external_id);
  analyze agency.debt_accounts`

export const invalidFields: Drill = {
  description: `calls for an account of ${CHILDREN} children with three invalid fields each, beside ${CALLS_PER_SECOND} calls a second`,
  async run(context) {
    const postgres = await startDatabase(context)
    await query(postgres.url, INVALID_FIELDS)
    const env = { DATABASE_SCHEMA: 'agency' }
    const replica = await startReplica(context, postgres, postgres.url, { env })
    const agent = new http.Agent({ keepAlive: true })
    context.onEnd(() => agent.destroy())
    const familyUrl = withAccount(replica.jitUrl, 'family')
    await call(familyUrl, agent)
    const calling = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    await pause(2000)
    const begun = performance.now()
    const families: Call[] = []
    for (let count = 0; count < FAMILY_CALLS; count++) {
      families.push(await call(familyUrl, agent))
      await pause(500)
    }
    const calls = await calling.stop()
    const during = calls.filter(({ at }) => at > begun)
    const factor = context.short ? SHORT_FACTOR : 1
    const [median, p99] = [percentile(families, 0.5), percentile(during, 0.99)]
    return {
      calls,
      expectations: [
        allAnswered(context, calls),
        allAnswered(context, families, 'each call for the large account'),
        {
          text: `half of the calls for the large account take less than ${MAX_FAMILY_MS * factor} ms: ${Math.round(median)} ms, at most ${Math.round(percentile(families, 1))} ms`,
          isMet: median < MAX_FAMILY_MS * factor,
        },
        {
          text: `p99 of the other calls under ${MAX_P99_MS * factor} ms: ${p99.toFixed(1)} ms`,
          isMet: p99 < MAX_P99_MS * factor,
        },
        await countedExactly(replica, [...calls, ...families, { at: 0, ms: 0, status: 200 }]),
      ],
    }
  },
}

const MEMORY_BYTES = 384 * 1024 * 1024
const LARGE_CALLS = 20
/** About 4.9 MB, in children of 1,120 bytes. */
const LARGE_ACCOUNT = `
  insert into tratta_jit.debt_accounts (external_id, balance) values ('large', 5);
  insert into tratta_jit.debt_accounts (external_id, parent_external_id, balance, metadata)
    select 'large-' || n, 'large', 5, jsonb_build_object(
      'a', repeat('x', 250), 'b', repeat('y', 250), 'c', repeat('z', 250), 'd', repeat('w', 250))
    from generate_series(1, 4357) n;
  analyze tratta_jit.debt_accounts`

export const largeAnswers: Drill = {
  description: `${LARGE_CALLS} calls at a time for an answer of 4.9 MB, in a memory cgroup of 384 MiB`,
  needs: { program: 'a writable memory cgroup (root on Linux)', isInstalled: canLimitMemory },
  async run(context) {
    const postgres = await startDatabase(context)
    await query(postgres.url, LARGE_ACCOUNT)
    const cgroup = createMemoryCgroup(context, MEMORY_BYTES)
    // The flags of the image, and a deadline that is close to Tratta's.
    const env = { NODE_OPTIONS: '--max-semi-space-size=8', JIT_DEADLINE_MS: '9000' }
    const replica = await startReplica(context, postgres, postgres.url, { env })
    cgroup.add(replica.pid())
    const agent = new http.Agent()
    context.onEnd(() => agent.destroy())
    const url = withAccount(replica.jitUrl, 'large')
    const calls: Call[] = []
    for (let round = 0; round < (context.short ? 1 : 3); round++)
      calls.push(...(await Promise.all(Array.from({ length: LARGE_CALLS }, () => call(url, agent)))))
    return {
      calls,
      expectations: [
        // On a busy machine some answers wait too long for the memory of the others.
        context.short ? noneFailed(calls) : allAnswered(context, calls),
        inTime(calls),
        {
          text: `the kernel killed no process: ${cgroup.kills()}, peak ${replica.memory().peak} MB`,
          isMet: cgroup.kills() === 0 && !replica.hasEnded(),
        },
        await countedExactly(replica, calls),
      ],
    }
  },
}

function withAccount(jitUrl: string, externalId: string) {
  const url = new URL(jitUrl)
  url.searchParams.set('debt_account_external_id', externalId)
  return url.href
}

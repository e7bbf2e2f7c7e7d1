/** Runs the recipe for packets of docs/data.md unchanged, on the tables and views of the example. */
import { readFileSync } from 'node:fs'
import pg from 'pg'
import t from 'tap'
import { expectResults } from '../check/expect-results.ts'
import { startCheckedService } from '../check/start-checked-service.ts'
import { run } from '../support/program.ts'

const PAGE = readFileSync('docs/data.md', 'utf8')
const statements = (heading: string) => {
  const section = new RegExp(`^## ${heading}.*?^## `, 'ms').exec(PAGE)![0]
  return [...section.matchAll(/^```sql\n(.*?)^```/gms)].map(([, block]) => block!)
}
const [VIEWS = '', INDEXES = ''] = statements('Example: an old')
const [PACKET_VIEW = '', PACKET_INDEXES = ''] = statements('Packets:')

const ACCOUNTS = 20_000

const DATA = `
  update legacy.account set master_no = null, packet_no = 881 where account_no in (70040, 70041, 70043);
  insert into legacy.debtor select n, 'Ann', 'Sample' from generate_series(10000, 10000 + ${ACCOUNTS} / 4) n;
  insert into legacy.account (account_no, debtor_no, client_code, placed, owed, packet_no)
    select 100000 + n, 10000 + n / 4, 'HARBOR', 250.55, 250.55, case when n % 8 < 4 then 1000 + n / 4 end
    from generate_series(0, ${ACCOUNTS} - 1) n;
  analyze legacy.account; analyze legacy.debtor`

t.test('the recipe for packets of docs/data.md', async (t) => {
  const { copy } = await startCheckedService(t)
  const { database, env } = await copy(t)
  const tables = readFileSync('sample/legacy-tables.sql', 'utf8')
  for (const sql of [
    tables,
    VIEWS,
    'drop view tratta.debt_accounts',
    PACKET_VIEW,
    INDEXES,
    PACKET_INDEXES,
    DATA,
  ])
    await database.query(sql)
  const role = new URL(env.DATABASE_URL!).username
  await database.query(
    `grant usage on schema tratta to ${role}; grant select on all tables in schema tratta to ${role}`,
  )
  const theirs = { ...env, DATABASE_SCHEMA: 'tratta' }

  await t.test('a packet is a parent with balances of 0, and its accounts are the children', async (t) => {
    const { stdout } = await run(t, ['lookup', 'PACKET-881'], theirs)
    const { data } = JSON.parse(stdout)
    t.match(data.customer, { external_id: '5012', name: 'Ada Sample' })
    t.same(data.location, { external_id: 'HARBOR', name: 'Harbor Clinic', type: 'original_creditor' })
    const child = { parent_external_id: 'PACKET-881' }
    t.same(
      [data.debt_account, ...data.child_debt_accounts],
      [
        { external_id: 'PACKET-881', balance: 0, current_balance: 0 },
        {
          external_id: '70040',
          ...child,
          external_account_number: 'HC-881',
          balance: 125010,
          current_balance: 90007,
        },
        {
          external_id: '70041',
          ...child,
          external_account_number: 'HC-881-1',
          balance: 100000,
          current_balance: 70000,
        },
        // Closed.
        {
          external_id: '70043',
          ...child,
          external_account_number: 'HC-112',
          balance: 8000,
          current_balance: 0,
        },
      ],
    )
    t.match(JSON.parse((await run(t, ['lookup', '70041'], theirs)).stdout).data, {
      debt_account: { external_id: '70041', ...child, current_balance: 70000 },
    })
    const alone = JSON.parse((await run(t, ['lookup', '70042'], theirs)).stdout).data
    t.same(alone.debt_account, {
      external_id: '70042',
      external_account_number: 'HC-881-2',
      balance: 25010,
      current_balance: 20007,
    })
  })

  await t.test('a generic plan scans an index in both parts', async (t) => {
    const client = new pg.Client(database.url)
    await client.connect()
    try {
      await client.query('set plan_cache_mode = force_generic_plan')
      for (const [column, parts] of [
        ['external_id', 2],
        ['parent_external_id', 1],
      ] as const) {
        await client.query(
          `prepare one_${column} (text) as select * from tratta.debt_accounts where ${column} = $1`,
        )
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(
          `explain (costs off) execute one_${column} ('PACKET-881')`,
        )
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
        t.comment(plan)
        t.notMatch(plan, 'Seq Scan', column)
        t.equal(plan.match(/Index Cond: .*\$1/g)?.length, parts, `${column}: an index condition in each part`)
      }
    } finally {
      await client.end()
    }
  })

  await t.test('check has no findings', (t) => expectResults(t, theirs, []))

  await t.test('bulk would send it, and reject nothing', async (t) => {
    const { code, lines } = await run(t, ['bulk', 'push', '--dry-run', '--json'], theirs)
    const packets = 1 + ACCOUNTS / 8
    t.match(
      { code, line: lines.at(-1) },
      { code: 0, line: { debt_accounts: 4 + ACCOUNTS + packets, rejected: [] } },
    )
  })
})

/** Runs the example of docs/data.md unchanged, on the tables in sample/, as a role with the rights that the page grants. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { expectResults } from '../check/expect-results.ts'
import { startCheckedService } from '../check/start-checked-service.ts'
import { run, service } from '../support/program.ts'

const PAGE = /^## Example:.*?^## /ms.exec(readFileSync('docs/data.md', 'utf8'))![0]
const STATEMENTS = [...PAGE.matchAll(/^```sql\n(.*?)^```/gms)].map(([, block]) => block!)
const TABLES = readFileSync('sample/legacy-tables.sql', 'utf8')
const PAYLOAD = readFileSync('sample/legacy-payload.json', 'utf8')

const documented = JSON.parse(PAYLOAD)
const { location, customer } = documented.data
const CLOSED = {
  data: {
    location,
    customer,
    debt_account: {
      external_id: '70043',
      external_account_number: 'HC-112',
      balance: 8000,
      current_balance: 0,
    },
  },
}

t.test('the example of docs/data.md', async (t) => {
  const { copy } = await startCheckedService(t)
  const { database, env } = await copy(t)
  t.equal(STATEMENTS.length, 3, 'views, indexes, role')
  for (const sql of [TABLES, ...STATEMENTS]) await database.query(sql)
  const [, name = '', password = ''] =
    /create role (\w+) login password '(.*)'/.exec(STATEMENTS.join('')) ?? []
  t.teardown(() => database.query(`drop owned by ${name} cascade; drop role ${name}`))
  const url = new URL(database.url)
  url.username = name
  url.password = password
  const theirs = { ...env, DATABASE_URL: url.href, DATABASE_SCHEMA: 'tratta' }

  await t.test('check has no findings', (t) => expectResults(t, theirs, []))

  await t.test('lookup gives the documented payload', async (t) => {
    const { code, stdout, stderr } = await run(t, ['lookup', '70040'], theirs)
    t.same([code, stderr], [0, ''])
    t.strictSame(JSON.parse(stdout), documented)
    t.equal(stdout, PAYLOAD, 'in the same format')
  })

  await t.test('serve answers with the documented payload, and registers', async (t) => {
    const { ask, line } = await service(t, url.href, { ...theirs, TRATTA_REGISTER: 'auto' })
    t.strictSame(await ask('70040'), { status: 200, body: documented })
    t.strictSame(await ask('70043'), { status: 200, body: CLOSED }, 'a closed account has current_balance 0')
    t.match(await ask('70044'), { status: 404 }, 'an unknown account')
    await line(({ event }) => event === 'registered')
  })

  await t.test('bulk would send it, and reject nothing', async (t) => {
    const { code, lines } = await run(t, ['bulk', 'push', '--dry-run', '--json'], theirs)
    t.match({ code, line: lines.at(-1) }, { code: 0, line: { rows: 1, debt_accounts: 4, rejected: [] } })
  })

  await t.test('the role has no right to write to the views and tables of the agency', async (t) => {
    const rights = await database.query(`
      select c.oid::regclass::text as relation, array_agg(privilege) as may
      from pg_class c join pg_namespace n on n.oid = relnamespace,
        unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as privilege
      where nspname in ('tratta', 'legacy') and relkind in ('r', 'v') and has_table_privilege('${name}', c.oid, privilege)
      group by 1 order by 1`)
    t.same(rights, [
      { relation: 'tratta.customers', may: ['select'] },
      { relation: 'tratta.debt_accounts', may: ['select'] },
      { relation: 'tratta.locations', may: ['select'] },
    ])
  })

  await t.test('to answer calls, the right to select is enough', async (t) => {
    await database.query(`revoke all on all tables in schema tratta_jit from ${name};
      grant select on all tables in schema tratta_jit to ${name}`)
    t.match(await (await service(t, url.href, { DATABASE_SCHEMA: 'tratta' })).ask('70041'), { status: 200 })
    await database.query(`revoke all on schema tratta_jit from ${name};
      revoke all on all tables in schema tratta_jit from ${name}`)
    const { ask } = await service(t, url.href, { DATABASE_SCHEMA: 'tratta' }, ['--no-migrate'])
    t.match(await ask('70041'), { status: 200 })
  })
})

/** `check` through PgBouncer, if it is installed. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { knowsNamedStatements, pgBouncerVersion, startPgBouncer } from '../support/pgbouncer.ts'
import { expectResults } from './expect-results.ts'
import { startCheckedService } from './start-checked-service.ts'

t.test(
  'PgBouncer in transaction mode',
  { skip: !pgBouncerVersion() && 'needs pgbouncer (apt install pgbouncer)' },
  async (t) => {
    const { database, env } = await startCheckedService(t)
    const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    chmodSync(folder, 0o711)
    const { url, stop } = await startPgBouncer(database.url, folder)
    t.teardown(stop)
    await t.test('named statements are an error if PgBouncer does not support them', (t) =>
      expectResults(
        t,
        { ...env, DATABASE_URL: url },
        knowsNamedStatements()
          ? []
          : [
              {
                check: 'pooler',
                state: 'error',
                message:
                  'the connection uses a pooler such as PgBouncer in transaction mode, which does not support named statements',
                remedy:
                  'set DATABASE_PREPARED_STATEMENTS=false, or max_prepared_statements in PgBouncer 1.21 or newer',
              },
            ],
      ),
    )
    await t.test('DATABASE_PREPARED_STATEMENTS=false has no problem', (t) =>
      expectResults(t, { ...env, DATABASE_URL: url, DATABASE_PREPARED_STATEMENTS: 'false' }, []),
    )
  },
)

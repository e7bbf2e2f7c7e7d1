/** A role of a test's own: roles are there for all databases of a server. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { TestDatabase } from './database.ts'

/** May log in, and nothing else. It goes with the test, and all that it owns. */
export async function testRole(t: Test, database: TestDatabase) {
  const name = `role_${randomBytes(8).toString('hex')}`
  await database.query(`create role ${name} login password 'only-for-tests'`)
  t.teardown(() =>
    // A test may have made the database read-only.
    database.query(`begin read write; drop owned by ${name} cascade; drop role ${name}; commit`),
  )
  const url = new URL(database.url)
  url.username = name
  url.password = 'only-for-tests'
  return { name, url: url.href }
}

/** What docs/data.md grants on our own schema, here with the tables in it that are read. */
export const GRANTS = (role: string) => `
  grant usage on schema tratta_jit to ${role};
  grant select, insert, update, delete on all tables in schema tratta_jit to ${role};`

/** The role of the service as docs/data.md makes it, with the rights that it grants on these schemas. */
export async function serviceRole(t: Test, database: TestDatabase, schemas: string[]) {
  const role = await testRole(t, database)
  await database.query(GRANTS(role.name))
  for (const schema of schemas)
    if ((await database.query(`select from pg_namespace where nspname = '${schema}'`)).length > 0)
      await database.query(`grant usage on schema ${schema} to ${role.name};
        grant select on all tables in schema ${schema} to ${role.name}`)
  return role
}

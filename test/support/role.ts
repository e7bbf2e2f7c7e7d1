/** A new role for each test, because all databases of a server share their roles. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { TestDatabase } from './database.ts'

/** A role that can only log in. It is dropped at the end of the test, with everything that it owns. */
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

/** The grants of docs/data.md on our schema, and on the tables in it. */
export const GRANTS = (role: string) => `
  grant usage on schema tratta_jit to ${role};
  grant select, insert, update, delete on all tables in schema tratta_jit to ${role};`

/** The role of the service in docs/data.md, with its grants on these schemas. */
export async function serviceRole(t: Test, database: TestDatabase, schemas: string[]) {
  const role = await testRole(t, database)
  await database.query(GRANTS(role.name))
  for (const schema of schemas)
    if ((await database.query(`select from pg_namespace where nspname = '${schema}'`)).length > 0)
      await database.query(`grant usage on schema ${schema} to ${role.name};
        grant select on all tables in schema ${schema} to ${role.name}`)
  return role
}

/** A server as in the documentation of Kysely ("Relations") and Fastify. */
import Fastify from 'fastify'
import { Kysely, PostgresDialect } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import pg from 'pg'

interface DebtAccount {
  external_id: string
  parent_external_id: string | null
  customer_external_id: string | null
  location_external_id: string | null
  external_account_number: string | null
  billing_type: string[] | null
  balance: number
  current_balance: number | null
  locations: unknown
  payment_plan: unknown
  metadata: unknown
}
interface Customer {
  external_id: string
  name: string
  email: string | null
  phone: string | null
  date_of_birth: string | null
  ssn_last4: string | null
  address: unknown
  metadata: unknown
}
interface Location {
  external_id: string
  name: string
  type: string | null
  metadata: unknown
}
interface Database {
  debt_accounts: DebtAccount
  customers: Customer
  locations: Location
}

pg.types.setTypeParser(pg.types.builtins.INT8, Number)
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) }).withSchema('tratta_jit')

const app = Fastify()
// Tratta accepts no nulls.
app.setReplySerializer((payload) => JSON.stringify(payload, (_key, value) => value ?? undefined))

const querystring = {
  type: 'object',
  required: ['debt_account_external_id'],
  properties: { debt_account_external_id: { type: 'string', minLength: 1, maxLength: 255 } },
}
app.get<{ Querystring: { debt_account_external_id: string } }>(
  '/jit',
  { schema: { querystring } },
  async (request, reply) => {
    const row = await db
      .selectFrom('debt_accounts as account')
      .where('account.external_id', '=', request.query.debt_account_external_id)
      .select([
        'account.external_id',
        'account.parent_external_id',
        'account.external_account_number',
        'account.billing_type',
        'account.balance',
        'account.current_balance',
        'account.locations',
        'account.payment_plan',
        'account.metadata',
      ])
      .select((eb) => [
        jsonObjectFrom(
          eb
            .selectFrom('locations as location')
            .select(['location.external_id', 'location.name', 'location.type', 'location.metadata'])
            .whereRef('location.external_id', '=', 'account.location_external_id'),
        ).as('location'),
        jsonObjectFrom(
          eb
            .selectFrom('customers as customer')
            .select([
              'customer.external_id',
              'customer.name',
              'customer.email',
              'customer.phone',
              'customer.date_of_birth',
              'customer.ssn_last4',
              'customer.address',
              'customer.metadata',
            ])
            .whereRef('customer.external_id', '=', 'account.customer_external_id'),
        ).as('customer'),
        jsonArrayFrom(
          eb
            .selectFrom('debt_accounts as child')
            .select([
              'child.external_id',
              'child.parent_external_id',
              'child.external_account_number',
              'child.billing_type',
              'child.balance',
              'child.current_balance',
              'child.locations',
              'child.payment_plan',
              'child.metadata',
            ])
            .whereRef('child.parent_external_id', '=', 'account.external_id')
            .orderBy('child.external_id'),
        ).as('children'),
      ])
      .executeTakeFirst()
    if (!row) return reply.code(404).send({ message: 'Not found' })
    const { location, customer, children, ...debt_account } = row
    const child_debt_accounts = children.length > 0 ? children : undefined
    return { data: { location, customer, debt_account, child_debt_accounts } }
  },
)

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })

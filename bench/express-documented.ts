/** A server as in the documentation of Express and pg: one query after the other. */
import express from 'express'
import pg from 'pg'

pg.types.setTypeParser(pg.types.builtins.INT8, Number)
pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text)
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })

const app = express()
// Tratta accepts no nulls.
app.set('json replacer', (_key: string, value: unknown) => value ?? undefined)

const ACCOUNT = `external_id, parent_external_id, external_account_number, billing_type, balance,
  current_balance, locations, payment_plan, metadata`

app.get('/jit', async (req, res) => {
  const id = req.query.debt_account_external_id
  if (typeof id !== 'string' || id === '') {
    res.status(400).json({ message: 'debt_account_external_id is missing' })
    return
  }
  const accounts = await pool.query(
    `select ${ACCOUNT}, customer_external_id, location_external_id
     from tratta_jit.debt_accounts where external_id = $1`,
    [id],
  )
  if (accounts.rowCount === 0) {
    res.status(404).json({ message: 'Not found' })
    return
  }
  const { customer_external_id, location_external_id, ...debt_account } = accounts.rows[0]
  const customers = await pool.query(
    `select external_id, name, email, phone, date_of_birth, ssn_last4, address, metadata
     from tratta_jit.customers where external_id = $1`,
    [customer_external_id],
  )
  const locations = await pool.query(
    'select external_id, name, type, metadata from tratta_jit.locations where external_id = $1',
    [location_external_id],
  )
  const children = await pool.query(
    `select ${ACCOUNT} from tratta_jit.debt_accounts where parent_external_id = $1 order by external_id`,
    [id],
  )
  res.json({
    data: {
      location: locations.rows[0],
      customer: customers.rows[0],
      debt_account,
      child_debt_accounts: children.rowCount ? children.rows : undefined,
    },
  })
})

app.listen(Number(process.env.PORT), '127.0.0.1')

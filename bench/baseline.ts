/** The baseline: only node:http, and one prepared statement that builds the JSON text. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import pg from 'pg'

const text = readFileSync(new URL('baseline.sql', import.meta.url), 'utf8')
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })

createServer(async (request, response) => {
  try {
    const { searchParams } = new URL(`http://baseline${request.url}`)
    const values = [searchParams.get('debt_account_external_id')]
    const { rows } = await pool.query<{ body: string }>({ name: 'account', text, values })
    response.statusCode = rows[0] ? 200 : 404
    // Not with writeHead, because Node would then send no Content-Length.
    response.setHeader('content-type', 'application/json')
    response.end(rows[0]?.body)
  } catch {
    response.statusCode = 500
    response.end()
  }
}).listen(Number(process.env.PORT), '127.0.0.1')

import { SECRET } from '../support/program.ts'

/** The settings of `register`, `trigger` and `serve` for a simulated Tratta. */
export const trattaSettings = (databaseUrl: string, apiUrl: string, publicUrl = 'http://127.0.0.1:1') => ({
  DATABASE_URL: databaseUrl,
  JIT_SECRET: SECRET,
  PUBLIC_URL: publicUrl,
  TRATTA_API_URL: apiUrl,
  TRATTA_API_TOKEN: 'simulated-token',
})

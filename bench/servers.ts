/** The servers that are measured. */
import { randomBytes } from 'node:crypto'
import type { Program } from './start-server.ts'

/** The server that the others are compared with. */
export const BASELINE = 'baseline'
/** The servers that the benchmark starts. */
export const NAMES = ['responder', BASELINE, 'kysely', 'express'] as const

const QUERY = '?debt_account_external_id='

type Name = (typeof NAMES)[number]

export function programs(): Program[] {
  const secret = randomBytes(24).toString('base64url')
  const other = (file: string) => ({ args: [`bench/${file}`], path: `/jit${QUERY}`, environment: {} })
  const made: Record<Name, Omit<Program, 'name'>> = {
    responder: {
      // As in `npm start` and the image.
      args: ['--max-semi-space-size=8', 'bin/tratta-jit.mjs', 'serve'],
      path: `/jit/${secret}${QUERY}`,
      // All other settings have their defaults, including the log.
      environment: { JIT_SECRET: secret, HOST: '127.0.0.1' },
    },
    baseline: other('baseline.ts'),
    kysely: other('kysely-documented.ts'),
    express: other('express-documented.ts'),
  }
  return NAMES.map((name) => ({ name, ...made[name] }))
}

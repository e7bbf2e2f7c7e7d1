/** Would a call be answered now? */
import type pg from 'pg'
import { type AccountStatement, findAccount } from '../database/find-account.ts'
import { cacheFor } from './cache-for.ts'

export type NotReady = 'stopping' | 'database'

export interface Readiness {
  /** A lookup was answered: as good as a probe, and under load there is no better one. */
  sawAnswer(): void
  announceStop(): void
  readonly stopping: boolean
  /** @returns what is missing, or undefined when a call would be answered. */
  missing(): Promise<NotReady | undefined>
}

/** No account has it: a probe with it goes all the way that a call goes, and finds nothing. */
const NO_ACCOUNT = ''
/** So often at most the database is asked, however often we are. */
const CACHE_TTL_MS = 1000
const PROBE_MS = 1000

export function createReadiness(pool: pg.Pool, statement: AccountStatement): Readiness {
  let stopping = false
  let answeredAt = Number.NEGATIVE_INFINITY

  const sawAnswer = () => {
    answeredAt = performance.now()
  }
  const probe = cacheFor(CACHE_TTL_MS, () =>
    findAccount(pool, statement, NO_ACCOUNT, { queryMs: PROBE_MS }).then(
      () => true,
      () => false,
    ),
  )
  const databaseAnswers = () => performance.now() - answeredAt < CACHE_TTL_MS || probe()
  return {
    sawAnswer,
    announceStop: () => {
      stopping = true
    },
    get stopping() {
      return stopping
    },
    async missing() {
      if (stopping) return 'stopping'
      return (await databaseAnswers()) ? undefined : 'database'
    },
  }
}

/** Readiness: whether the service can answer a call. */
import { findAccountOrReplica, type Sources } from '../database/find-on-replica.ts'
import { cacheFor } from './cache-for.ts'

type NotReady = 'stopping' | 'database'

export interface Readiness {
  /** Call this after a successful lookup, which is as good as a probe. */
  sawAnswer(): void
  announceStop(): void
  readonly stopping: boolean
  /** @returns why the service is not ready; undefined when it is ready */
  missing(): Promise<NotReady | undefined>
}

/** No account has this id. A probe runs the same statement as a call and finds no row. */
const NO_ACCOUNT = ''
/** The result of a probe is cached for this time, in milliseconds. */
const CACHE_TTL_MS = 1000
const PROBE_MS = 1000

export function createReadiness(sources: Sources): Readiness {
  let stopping = false
  let answeredAt = Number.NEGATIVE_INFINITY

  const sawAnswer = () => {
    answeredAt = performance.now()
  }
  const probe = cacheFor(CACHE_TTL_MS, () =>
    findAccountOrReplica(sources, NO_ACCOUNT, { queryMs: PROBE_MS }).then(
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

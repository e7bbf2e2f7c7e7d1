/** The state of migrations, registration and Bulk that the schema `tratta_jit` stores, for operators. */
import type { RequestState } from '../bulk/requests.ts'

export interface OperationalStatus {
  migrations: { run: string[]; pending: string[] }
  /** The Unix time in seconds at which Tratta accepted the URL of this process; null when it has not. */
  registered_at: number | null
  bulk: {
    /** Whether a push holds the lock. */
    running: boolean
    /** Whether the last push is not complete. */
    open: boolean
    /**
     * The number of requests and of their customers. Rows are not counted, because that is too slow for every
     * scrape.
     */
    by_state: Partial<Record<RequestState, { requests: number; customers: number }>>
  }
}

/** `error` is a SQLSTATE or the name of an error. */
export type StatusReading =
  | { operationalStatus: OperationalStatus }
  | { operationalStatus: undefined; error: string }

export interface StatusReader {
  /** Never rejects, and takes at most three seconds. Prometheus times out after ten. */
  read(): Promise<StatusReading>
  end(): Promise<void>
}

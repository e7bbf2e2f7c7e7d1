/** What is written down in `tratta_jit` about migrations, registration and Bulk, for operators. */

export type BulkRequestState = 'to_send' | 'sending' | 'unknown' | 'sent' | 'settled'

export interface OperationalStatus {
  migrations: { run: string[]; pending: string[] }
  /** When Tratta took the URL that this process answers, in seconds since 1970; null when it has not. */
  registered_at: number | null
  bulk: {
    /** Whether a push holds the lock now. */
    running: boolean
    /** Whether the last push has something left to do. */
    open: boolean
    /** `customers` in so many `requests`; nobody is counted by row, which would cost too much to ask often. */
    by_state: Partial<Record<BulkRequestState, { requests: number; customers: number }>>
  }
}

/** `error`: a SQLSTATE or the name of an error. */
export type StatusReading =
  | { operationalStatus: OperationalStatus }
  | { operationalStatus: undefined; error: string }

export interface StatusReader {
  /** Never fails, and takes three seconds at most: Prometheus waits for ten. */
  read(): Promise<StatusReading>
  end(): Promise<void>
}

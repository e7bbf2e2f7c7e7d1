import pg from 'pg'

/** Whether an error came from Postgres or from the way to it, and not from us. pg tells some by their message only. */
export const isOfDatabase = (error: unknown) =>
  error instanceof pg.DatabaseError ||
  (error instanceof Error &&
    (/^(Connection terminated|Client has encountered|timeout exceeded|Query read timeout|Client was closed)/.test(
      error.message,
    ) ||
      /^E(CONN|PIPE|HOST|NET|AI_)/.test(String((error as NodeJS.ErrnoException).code))))

/** How pg-pool opens connections. Uses fields of pg-pool that its types do not declare. */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { driverUrl } from '../database-url.ts'

type OnConnect = (error: Error | undefined, client: pg.PoolClient | undefined, release: () => void) => void

interface PoolInternals {
  newClient(item: { callback: OnConnect }): void
  options: { connectionString: string }
  _clients: pg.PoolClient[]
  _idle: { client: pg.PoolClient }[]
  _expired: WeakSet<pg.PoolClient>
  _remove(client: pg.PoolClient, onEnd: () => void): void
  _pulseQueue(): void
}

const internalsOf = (pool: pg.Pool) => pool as unknown as PoolInternals

/**
 * pg's Client constructor reads the files of the URL and throws when one is missing, inside timers and events
 * of pg-pool. Without this function the process exits.
 */
export function catchConstructorErrors(pool: pg.Pool) {
  const internals = internalsOf(pool)
  const newClient = internals.newClient.bind(pool)
  internals.newClient = (item) => {
    const clients = [...internals._clients]
    try {
      newClient(item)
    } catch (error) {
      internals._clients = clients
      process.nextTick(() => item.callback(error as Error, undefined, () => {}))
    }
  }
}

/**
 * Opens all further connections with this URL. Idle connections are closed now, busy ones when their query has ended.
 */
export function replaceConnections(pool: pg.Pool, url: string) {
  const internals = internalsOf(pool)
  internals.options.connectionString = driverUrl(url)
  for (const client of internals._clients) internals._expired.add(client)
  for (const { client } of [...internals._idle]) internals._remove(client, () => internals._pulseQueue())
}

const WARM_UP_PAUSE_MS = 50

/** Opens the connections of the pool one by one, next to those that calls open. Ends at the first error. */
export async function warmUp(pool: pg.Pool, signal: AbortSignal): Promise<void> {
  try {
    while (pool.totalCount < pool.options.max) {
      await openConnection(pool)
      await pause(WARM_UP_PAUSE_MS, undefined, { signal, ref: false })
    }
  } catch {
    // Aborted, or no connection can be opened now. Calls open connections when they need them.
  }
}

/** Not pool.connect, which takes an idle connection first. */
const openConnection = (pool: pg.Pool) =>
  new Promise<void>((resolve, reject) => {
    internalsOf(pool).newClient({
      callback(error, _client, release) {
        if (error) return reject(error)
        release()
        resolve()
      },
    })
  })

import { once } from 'node:events'
import type { Server } from 'node:http'

/** Stops and restarts a listening server, so that its clients see connection failures. */
export function createOutage(server: Server, host: string, port: number) {
  let endTimer: NodeJS.Timeout | undefined
  let restarting: Promise<void> | undefined

  async function listen(): Promise<void> {
    server.listen({ host, port })
    await once(server, 'listening')
  }

  /** Resolves when the server listens on the same port again. */
  async function endOutage(): Promise<void> {
    clearTimeout(endTimer)
    if (!restarting && server.listening) return
    // Concurrent callers share one restart: a second `listen` would throw.
    restarting ??= listen().finally(() => {
      restarting = undefined
    })
    await restarting
  }

  return {
    endOutage,
    /** Closes all connections and the port, for `ms` or until `endOutage`. */
    async startOutage(ms?: number) {
      clearTimeout(endTimer)
      await restarting
      server.close()
      server.closeAllConnections()
      if (ms !== undefined) endTimer = setTimeout(endOutage, ms)
    },
  }
}

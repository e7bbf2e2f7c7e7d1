import { once } from 'node:events'
import type { Server } from 'node:http'

export interface Door {
  /** Refuses connections and cuts those there are; for good, or for so many milliseconds. */
  shut(ms?: number): Promise<void>
  /** Listens again, at the same port. */
  open(): Promise<void>
}

/** Shuts and opens a server that listens, so that its clients see a Tratta that is away. */
export function createDoor(server: Server, host: string, port: number): Door {
  let returning: NodeJS.Timeout | undefined
  let opening: Promise<void> | undefined

  async function listen(): Promise<void> {
    server.listen({ host, port })
    await once(server, 'listening')
  }

  async function open(): Promise<void> {
    clearTimeout(returning)
    if (!opening && server.listening) return
    // somebody who does not wait for it must not make it listen twice
    opening ??= listen().finally(() => {
      opening = undefined
    })
    await opening
  }

  return {
    open,
    async shut(ms) {
      clearTimeout(returning)
      await opening
      server.close()
      server.closeAllConnections()
      if (ms !== undefined) returning = setTimeout(open, ms)
    },
  }
}

import { setTimeout as pause } from 'node:timers/promises'

/** Sends a request until the port is open. @returns the first response */
export async function answerAfterOutage<Response>(send: () => Promise<Response>): Promise<Response> {
  for (;;) {
    try {
      return await send()
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
      if (code !== 'ECONNREFUSED') throw error
      await pause(20)
    }
  }
}

/**
 * Bounds the memory of large answers: before Postgres sends one, its bytes are reserved, until the client has
 * received it. The others wait in line.
 */
import type { ServerResponse } from 'node:http'
import { DatabaseBusyError } from '../database/database-errors.ts'

export interface LargeAnswers {
  /**
   * Waits until the bytes fit, and releases them when the response ends.
   * @param until by performance.now()
   * @throws {DatabaseBusyError} when the wait is too long, or too many wait
   */
  reserve(response: ServerResponse, bytes: number, until: number): Promise<void>
}

/** An answer is in memory about ten times while it is parsed, checked and sent. */
const MAX_BYTES_IN_FLIGHT = 10_000_000
const MAX_WAITING = 200

interface Waiting {
  bytes: number
  admit(): void
}

/** @param maxSendMs a client that takes longer to receive a large answer is disconnected */
export function createLargeAnswers(maxSendMs: number): LargeAnswers {
  const waiting: Waiting[] = []
  let inFlight = 0

  const fits = (bytes: number) => inFlight === 0 || inFlight + bytes <= MAX_BYTES_IN_FLIGHT
  const admitNext = () => {
    while (waiting[0] && fits(waiting[0].bytes)) waiting.shift()!.admit()
  }
  const hold = (response: ServerResponse, bytes: number) => {
    inFlight += bytes
    const { socket } = response
    const release = () => {
      clearTimeout(timer)
      response.off('finish', release).off('close', release)
      inFlight -= bytes
      admitNext()
    }
    const timer = setTimeout(() => {
      socket?.destroy()
      response.destroy()
      release()
    }, maxSendMs)
    response.once('finish', release).once('close', release)
  }

  return {
    reserve(response, bytes, until) {
      if (waiting.length === 0 && fits(bytes)) {
        hold(response, bytes)
        return Promise.resolve()
      }
      if (waiting.length >= MAX_WAITING) return Promise.reject(new DatabaseBusyError())
      return new Promise((resolve, reject) => {
        const leave = () => {
          clearTimeout(timer)
          response.off('close', giveUp)
          const at = waiting.indexOf(entry)
          if (at >= 0) waiting.splice(at, 1)
        }
        const giveUp = () => {
          leave()
          reject(new DatabaseBusyError())
          admitNext()
        }
        const timer = setTimeout(giveUp, Math.max(0, until - performance.now()))
        const entry: Waiting = {
          bytes,
          admit() {
            leave()
            hold(response, bytes)
            resolve()
          },
        }
        response.once('close', giveUp)
        waiting.push(entry)
      })
    },
  }
}

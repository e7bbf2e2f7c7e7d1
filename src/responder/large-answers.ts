/**
 * Limits the memory of large answers. The bytes of an answer are reserved before Postgres sends it, and
 * released when the client has received it. Further answers wait in a queue.
 */
import type { ServerResponse } from 'node:http'
import { DatabaseBusyError } from '../database/database-errors.ts'

interface LargeAnswers {
  /**
   * Waits until the answer fits into memory. Its memory is released when the response ends.
   * @returns a function to call when the body is built, because the answer then takes less memory
   * @param until the deadline, on the clock of performance.now()
   * @throws {DatabaseBusyError} when the wait is too long, or when too many answers wait
   */
  reserve(response: ServerResponse, bytes: number, until: number): Promise<() => void>
}

/** While an answer is received, parsed and validated, it takes about eight times the memory of its body. */
const WORK_FACTOR = 8
/** Enough for one answer of JIT_MAX_ANSWER_BYTES (5 MB) that is being built, and four that are being sent. */
const MAX_BYTES = 60_000_000
const MAX_WAITING = 200

interface Waiting {
  bytes: number
  admit(): void
}

/** @param maxSendMs a client that takes longer to receive a large answer is disconnected */
export function createLargeAnswers(maxSendMs: number): LargeAnswers {
  const waiting: Waiting[] = []
  let reserved = 0

  // A single answer is never rejected here, however large JIT_MAX_ANSWER_BYTES is.
  const fits = (bytes: number) => reserved === 0 || reserved + bytes * WORK_FACTOR <= MAX_BYTES
  const admitNext = () => {
    while (waiting[0] && fits(waiting[0].bytes)) waiting.shift()!.admit()
  }
  const hold = (response: ServerResponse, bytes: number) => {
    let held = bytes * WORK_FACTOR
    reserved += held
    const { socket } = response
    const shrinkTo = (remaining: number) => {
      reserved -= Math.max(0, held - remaining)
      held = Math.min(held, remaining)
      admitNext()
    }
    const release = () => {
      clearTimeout(timer)
      response.off('finish', release).off('close', release)
      shrinkTo(0)
    }
    const timer = setTimeout(() => {
      socket?.destroy()
      response.destroy()
      release()
    }, maxSendMs)
    response.once('finish', release).once('close', release)
    return () => shrinkTo(bytes)
  }

  return {
    reserve(response, bytes, until) {
      if (waiting.length === 0 && fits(bytes)) return Promise.resolve(hold(response, bytes))
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
            resolve(hold(response, bytes))
          },
        }
        response.once('close', giveUp)
        waiting.push(entry)
      })
    },
  }
}

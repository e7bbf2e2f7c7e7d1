import { timingSafeEqual } from 'node:crypto'
import type { Config } from '../config.ts'

/** Greater than the maximum length of a secret in config.ts. */
const SECRET_BYTES = 256

/** Compares in constant time with the current, the previous and the next secret. */
export function secretCheck({ JIT_SECRET, JIT_SECRET_PREVIOUS, JIT_SECRET_NEXT }: Config<'JIT_SECRET'>) {
  const padded = (secret: string) => Buffer.alloc(SECRET_BYTES, 0).fill(secret, 0, Buffer.byteLength(secret))
  const current = padded(JIT_SECRET)
  const previous = padded(JIT_SECRET_PREVIOUS ?? JIT_SECRET)
  const next = padded(JIT_SECRET_NEXT ?? JIT_SECRET)
  const given = Buffer.alloc(SECRET_BYTES)
  return (secret: string) => {
    given.fill(0).write(secret)
    const isCurrent = timingSafeEqual(given, current)
    const isPrevious = timingSafeEqual(given, previous)
    const isNext = timingSafeEqual(given, next)
    return (isCurrent || isPrevious || isNext) && secret.length < SECRET_BYTES && !secret.includes('\0')
  }
}

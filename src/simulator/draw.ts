import { crc32 } from 'node:zlib'

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function createDraw(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    return scramble(state)
  }
}

/** One number from 0 up to 1 that depends on nothing but text and seed: the same row is always drawn alike. */
export function drawFor(text: string, seed: number): number {
  return scramble(crc32(text, seed >>> 0) | 0)
}

function scramble(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
}

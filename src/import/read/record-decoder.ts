import type { Reason } from '../row-error.ts'
import { createCodec, type Encoding, guessEncoding } from './encoding.ts'

/** @returns a function that decodes a record, one character per byte, or returns why it cannot */
export function recordDecoder(encoding: Encoding = 'utf-8'): (raw: string) => string | Reason {
  const { decode } = createCodec(encoding)
  /** One encoding for all records, so that they are counted together. */
  let guess: Encoding | undefined
  return (raw) => {
    if (raw.includes('\0')) return { code: 'nul_byte' }
    const text = decode(raw)
    if (text !== undefined) return text
    guess ??= guessEncoding(raw)
    return { code: 'invalid_utf8', encoding: guess }
  }
}

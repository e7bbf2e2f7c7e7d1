/** Between a file's bytes, a character for each, and texts. */
import { isUtf8 } from 'node:buffer'

export const ENCODINGS = ['utf-8', 'windows-1252'] as const
export type Encoding = (typeof ENCODINGS)[number]

export interface Coding {
  /** @returns nothing when the bytes are no text in this encoding */
  decode(bytes: string): string | undefined
  /** What the encoding does not have becomes a question mark. */
  encode(text: string): string
  /** What to say of bytes that are no text. */
  fault: string
}

/** Whether it is itself in either encoding. */
const isAscii = (bytes: string) => !/[^\0-\x7f]/.test(bytes)

export function codingOf(encoding: Encoding): Coding {
  return encoding === 'utf-8' ? UTF_8 : windows1252()
}

const UTF_8: Coding = {
  decode(bytes) {
    if (isAscii(bytes)) return bytes
    const buffer = Buffer.from(bytes, 'latin1')
    return isUtf8(buffer) ? buffer.toString('utf8') : undefined
  },
  encode: (text) => Buffer.from(text, 'utf8').toString('latin1'),
  fault: 'is not UTF-8 (say --encoding windows-1252 where the file comes from an older Windows)',
}

function windows1252(): Coding {
  const decoder = new TextDecoder('windows-1252')
  return {
    decode: (bytes) => (isAscii(bytes) ? bytes : decoder.decode(Buffer.from(bytes, 'latin1'))),
    encode: (text) => text.replaceAll(/[^\0-\x7f\xa0-\xff]/gu, '?'),
    fault: 'is not Windows-1252',
  }
}

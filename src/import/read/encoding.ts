/** Converts between the bytes of a file, one character per byte, and text. */
import { isUtf8 } from 'node:buffer'

export const ENCODINGS = ['utf-8', 'windows-1252'] as const
export type Encoding = (typeof ENCODINGS)[number]

export interface Codec {
  /** @returns undefined when the bytes are not valid in this encoding */
  decode(bytes: string): string | undefined
  /** Replaces a character that the encoding does not have with a question mark. */
  encode(text: string): string
}

const isAscii = (bytes: string) => !/[^\0-\x7f]/.test(bytes)

export function createCodec(encoding: Encoding): Codec {
  return encoding === 'utf-8' ? UTF_8 : windows1252()
}

const UTF_8: Codec = {
  decode(bytes) {
    if (isAscii(bytes)) return bytes
    const buffer = Buffer.from(bytes, 'latin1')
    return isUtf8(buffer) ? buffer.toString('utf8') : undefined
  },
  encode: (text) => Buffer.from(text, 'utf8').toString('latin1'),
}

function windows1252(): Codec {
  const decoder = new TextDecoder('windows-1252')
  return {
    decode: (bytes) => (isAscii(bytes) ? bytes : decoder.decode(Buffer.from(bytes, 'latin1'))),
    encode: (text) => text.replaceAll(/[^\0-\x7f\xa0-\xff]/gu, '?'),
  }
}

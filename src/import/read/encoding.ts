/** Converts between the bytes of a file, one character per byte, and text. */
import { isUtf8 } from 'node:buffer'

export const ENCODINGS = ['utf-8', 'windows-1252', 'macintosh', 'cp850'] as const
export type Encoding = (typeof ENCODINGS)[number]
type SingleByte = Exclude<Encoding, 'utf-8'>

interface Codec {
  /** @returns undefined when the bytes are not valid in this encoding */
  decode(bytes: string): string | undefined
  /** Replaces a character that the encoding does not have with a question mark. */
  encode(text: string): string
}

const isAscii = (bytes: string) => !/[^\0-\x7f]/.test(bytes)

export function createCodec(encoding: Encoding): Codec {
  return encoding === 'utf-8' ? UTF_8 : singleByteCodec(encoding)
}

const UTF_8: Codec = {
  decode(bytes) {
    if (isAscii(bytes)) return bytes
    const buffer = Buffer.from(bytes, 'latin1')
    return isUtf8(buffer) ? buffer.toString('utf8') : undefined
  },
  encode: (text) => Buffer.from(text, 'utf8').toString('latin1'),
}

const HIGH_BYTES = Buffer.from(Array.from({ length: 128 }, (_, at) => 128 + at))
/** The characters of the bytes 128 to 255. */
const CHARACTERS: Record<SingleByte, string> = {
  'windows-1252': new TextDecoder('windows-1252').decode(HIGH_BYTES),
  macintosh: new TextDecoder('macintosh').decode(HIGH_BYTES),
  // TextDecoder does not have code page 850.
  cp850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐' +
    '└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0',
}

function singleByteCodec(encoding: SingleByte): Codec {
  const characters = CHARACTERS[encoding]
  const decodeByte = (byte: string) => characters[byte.charCodeAt(0) - 128]!
  function encodeCharacter(character: string) {
    const at = characters.indexOf(character)
    return at === -1 ? '?' : String.fromCharCode(128 + at)
  }
  return {
    decode: (bytes) => (isAscii(bytes) ? bytes : bytes.replaceAll(/[\x80-\xff]/g, decodeByte)),
    encode: (text) => text.replaceAll(/[^\0-\x7f]/gu, encodeCharacter),
  }
}

/**
 * The encoding in which bytes that are not UTF-8 are most like names: letters whose case fits the letter before them.
 * A guess, for a message only.
 */
export function guessEncoding(bytes: string): SingleByte {
  let best: SingleByte = 'windows-1252'
  let bestScore = Number.NEGATIVE_INFINITY
  for (const encoding of Object.keys(CHARACTERS) as SingleByte[]) {
    const score = likelihood(singleByteCodec(encoding).decode(bytes)!)
    if (score > bestScore) [best, bestScore] = [encoding, score]
  }
  return best
}

const FREQUENT = 'áéíóúñüöäëç'

function likelihood(text: string) {
  let score = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character < '\x80') continue
    if (/\p{Cc}/u.test(character)) score -= 10
    else if (!/\p{L}/u.test(character)) score -= 2
    else if (character > '\xff') score -= 1
    else if (!fitsCase(text[at - 1] ?? ' ', character, text[at + 1] ?? ' ')) score -= 2
    else score += FREQUENT.includes(character) ? 3 : 2
  }
  return score
}

const isUpper = (character: string) => character !== character.toLowerCase()
const isLower = (character: string) => character !== character.toUpperCase()

/** Within a word, a small letter does not precede a capital letter, nor do two capital letters precede a small one. */
function fitsCase(before: string, character: string, after: string) {
  if (isLower(before)) return isLower(character)
  if (isUpper(before) && isLower(character)) return !isUpper(after)
  return isUpper(character) || !isUpper(after)
}

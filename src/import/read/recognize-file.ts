/** Recognizes files that are not text by their first bytes, before a column is named. */
import { UserFacingError } from '../../user-facing-error.ts'

const SAVE_AS_CSV = 'save it as CSV (UTF-8), and import that file'
const UNPACK = 'unpack it, and import the files in it'
const DECRYPT = 'decrypt it, for example with gpg --decrypt FILE | npx tratta-jit import -'

interface Kind {
  /** The first bytes, one character per byte. */
  starts: string[]
  /** Matches the start of the file. */
  contains?: RegExp
  kind: string
  remedy: string
}

const ZIP = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08']

/** The first match names the kind. */
const KINDS: Kind[] = [
  {
    starts: ZIP,
    contains: /\[Content_Types\]\.xml|xl\//,
    kind: 'an Excel workbook (xlsx)',
    remedy: SAVE_AS_CSV,
  },
  { starts: ZIP, contains: /opendocument/, kind: 'an OpenDocument file (ods)', remedy: SAVE_AS_CSV },
  { starts: ZIP, kind: 'a zip archive', remedy: UNPACK },
  {
    starts: ['\xd0\xcf\x11\xe0', '\x09\x08', '\x09\x04', '\x09\x02', '\x09\0\x04'],
    kind: 'an Excel workbook (xls)',
    remedy: SAVE_AS_CSV,
  },
  { starts: ['7z\xbc\xaf', 'Rar!\x1a'], kind: 'an archive (7z or rar)', remedy: UNPACK },
  {
    starts: ['\xfd7zXZ', '\x28\xb5\x2f\xfd', '\x1f\x9d', '\x1f\xa0'],
    kind: 'compressed, and not with gzip',
    remedy: 'decompress it, and import the result',
  },
  {
    starts: ['BZh'],
    contains: /^BZh[1-9]1AY&SY/,
    kind: 'compressed, and not with gzip',
    remedy: 'decompress it, and import the result',
  },
  { starts: [''], contains: /^[\s\S]{257}ustar/, kind: 'a tar archive', remedy: UNPACK },
  { starts: [''], contains: /^\s*-----BEGIN PGP/, kind: 'encrypted or signed with PGP', remedy: DECRYPT },
  { starts: ['%PDF-'], kind: 'a PDF document', remedy: 'ask for the data as CSV' },
  { starts: ['PAR1\x15', 'SQLite format 3'], kind: 'a database file', remedy: 'export its table as CSV' },
  {
    starts: [''],
    contains: /^\s*<(!doctype html|html|head|body|table|meta)\b/i,
    kind: 'an HTML page',
    remedy: SAVE_AS_CSV,
  },
  { starts: [''], contains: /^\s*<(\?xml|Workbook)/i, kind: 'XML', remedy: SAVE_AS_CSV },
]

/** The kind of an archive can be in the name of its first entry. */
const MAX_START = 2048

/** @throws {UserFacingError} */
export function rejectOtherKinds(start: Buffer) {
  const text = start.toString('latin1', 0, MAX_START).replace(/^\xef\xbb\xbf/, '')
  const found = KINDS.find(
    ({ starts, contains }) =>
      starts.some((bytes) => text.startsWith(bytes)) && (contains?.test(text) ?? true),
  )
  if (found) throw new UserFacingError(`The file is ${found.kind}: ${found.remedy}`)
  if (isPgpPacket(start)) throw new UserFacingError(`The file is encrypted with PGP: ${DECRYPT}`)
}

/**
 * A message begins with an encrypted session key: tag 1 or 3 and a version (RFC 9580, sections 4.2, 5.1 and 5.3). No
 * text begins so: after a byte above 127, UTF-8 has another one, and other encodings have letters.
 */
function isPgpPacket([first = 0, second = 0, third = 0, fourth = 0]: Buffer) {
  const isVersion = (byte: number) => byte >= 3 && byte <= 6
  if ([0x84, 0x8c, 0xc1, 0xc3].includes(first))
    return isVersion(third) || (second >= 192 && isVersion(fourth))
  return first === 0x85 && isVersion(fourth)
}

/**
 * Latin letters in UTF-16 have a NUL in every second byte.
 * @returns undefined for another encoding
 */
export function recognizeUtf16(start: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le'
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be'
  const length = Math.min(start.length, MAX_START) & ~1
  let even = 0
  let odd = 0
  for (let at = 0; at < length; at += 2) {
    if (start[at] === 0) even += 1
    if (start[at + 1] === 0) odd += 1
  }
  const many = length / 4
  if (odd > many && odd > 20 * even) return 'utf-16le'
  if (even > many && even > 20 * odd) return 'utf-16be'
  return undefined
}

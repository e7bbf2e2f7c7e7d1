/** Reads the bytes of a file or of standard input, decompresses gzip, and converts UTF-16 to UTF-8. */
import { createHash } from 'node:crypto'
import { createReadStream, open } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { addAbortSignal, pipeline, Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import { UserFacingError } from '../../user-facing-error.ts'
import { recognizeUtf16, rejectOtherKinds } from './recognize-file.ts'

const STANDARD_INPUT = '-'
export const displayName = (file: string) => (file === STANDARD_INPUT ? 'standard input' : file)

const CHUNK_BYTES = 64 * 1024
/** A chunk of a pipe can be shorter than the bytes that identify a kind of file. */
const MIN_START_BYTES = 4

const asUtf8 = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

interface OpenFile {
  /** Bytes on the disk; undefined for a pipe. */
  size: number | undefined
  /** Bytes read so far. */
  bytesRead: number
  /** The chunks are UTF-8, whatever the encoding that the user named. */
  isUtf16: boolean
  /** Decompressed, one character per byte. Line ends are the same in every encoding, and raw records can be written back. */
  chunks: AsyncIterable<string>
  /** SHA-256 of the bytes on the disk, in hex. Call this once, after the last chunk. */
  sha256(): string
}

/** @throws {UserFacingError} here, and from `chunks` */
export async function openFile(file: string, signal: AbortSignal): Promise<OpenFile> {
  const { source, size } = await openSource(file)
  addAbortSignal(signal, source)
  const hash = createHash('sha256')
  const opened: OpenFile = {
    size,
    bytesRead: 0,
    isUtf16: false,
    chunks: chunks(),
    sha256: () => hash.digest('hex'),
  }
  return opened

  async function* bytes() {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      opened.bytesRead += chunk.length
      hash.update(chunk)
      yield chunk
    }
  }

  async function* chunks() {
    try {
      const [start, all] = await peek(bytes())
      const isGzip = start[0] === 0x1f && start[1] === 0x8b
      yield* decode(isGzip ? gunzip(all) : all)
    } catch (error) {
      throw asFileError(error)
    }
  }

  async function* decode(content: AsyncIterable<Buffer>) {
    let start: Buffer = Buffer.alloc(0)
    let utf16: ReturnType<typeof recognize>
    let isRecognized = false
    for await (const chunk of content) {
      const bytes = isRecognized ? chunk : Buffer.concat([start, chunk])
      if (!isRecognized && bytes.length < MIN_START_BYTES) {
        start = bytes
        continue
      }
      if (!isRecognized) utf16 = recognize(bytes)
      isRecognized = true
      yield utf16 ? asUtf8(utf16.decode(bytes, { stream: true })) : bytes.toString('latin1')
    }
    if (!isRecognized) yield start.toString('latin1')
    if (utf16) yield asUtf8(utf16.decode())
  }

  function recognize(start: Buffer) {
    rejectOtherKinds(start)
    const encoding = recognizeUtf16(start)
    opened.isUtf16 = encoding !== undefined
    return encoding && new TextDecoder(encoding, { fatal: true })
  }
}

async function openSource(file: string): Promise<{ source: Readable; size: number | undefined }> {
  if (file === STANDARD_INPUT) return { source: process.stdin, size: undefined }
  try {
    const stats = await stat(file)
    if (stats.isDirectory()) throw new UserFacingError('This is a folder: name the files in it')
    // A pending read of an idle pipe through `fs` would keep the process from ending.
    if (stats.isFIFO())
      return {
        source: new Socket({ fd: await promisify(open)(file, 'r'), writable: false }),
        size: undefined,
      }
    return {
      source: createReadStream(file, { highWaterMark: CHUNK_BYTES }),
      size: stats.isFile() ? stats.size : undefined,
    }
  } catch (error) {
    throw asFileError(error)
  }
}

/** @returns at least the first two bytes, which identify gzip, and the whole stream */
async function peek(chunks: AsyncGenerator<Buffer>): Promise<[Buffer, AsyncIterable<Buffer>]> {
  let start = Buffer.alloc(0)
  while (start.length < 2) {
    const { value, done } = await chunks.next()
    if (done) break
    start = Buffer.concat([start, value])
  }
  async function* all() {
    yield start
    yield* chunks
  }
  return [start, all()]
}

/** The iteration throws the errors. */
const gunzip = (chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> =>
  pipeline(Readable.from(chunks), createGunzip({ chunkSize: CHUNK_BYTES }), () => {})

function asFileError(error: unknown) {
  if (!(error instanceof Error) || error instanceof UserFacingError) return error
  const { code, name } = error as NodeJS.ErrnoException
  if (name === 'AbortError' || code === undefined) return error
  if (code === 'Z_BUF_ERROR')
    return new UserFacingError('The gzip data ends too early: the file was not copied completely')
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return new UserFacingError('The UTF-16 text is damaged: copy the file again')
  if (code.startsWith('Z_')) return new UserFacingError('The gzip data is damaged: copy the file again')
  return new UserFacingError(
    code === 'ENOENT' ? 'There is no such file' : `The file cannot be read (${code})`,
  )
}
